/* --help and the man page's OPTIONS, both from the one table. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/option_text.h"

enum { WIDTH = 80, LABEL_MAX = 30 };

/* Words of text, wrapped at WIDTH, each further line behind `indent` blanks; the
 * cursor is at column `at`. */
static void wrap(FILE *to, const char *text, int indent, int at)
{
    bool first = true;
    while (*(text += strspn(text, " "))) {
        int length = (int)strcspn(text, " ");
        if (!first && at + 1 + length > WIDTH) {
            fprintf(to, "\n%*s", indent, "");
            at = indent;
            first = true;
        }
        fprintf(to, "%s%.*s", first ? "" : " ", length, text);
        at += length + !first;
        first = false;
        text += length;
    }
    putc('\n', to);
}

static const char *metavar(const tw_option *option)
{
    if (option->metavar)
        return option->metavar;
    if (option->type == TW_CHOICE)
        return option->choices;
    return option->type == TW_TEXT ? "TEXT" : "N";
}

/* "  -k, --samples N"; the caller frees. */
static char *label(const tw_option *option)
{
    bool flag = option->type == TW_FLAG;
    char letter[] = {'-', option->letter, ',', ' ', 0};
    return tw_format("  %s--%s%s%s", option->letter ? letter : "    ", option->name,
                     flag ? "" : " ", flag ? "" : metavar(option));
}

/* The help with choices, if the label lacks them, and the default; the caller frees. */
static char *description(const tw_option *option)
{
    char *choices = NULL;
    if (option->type == TW_CHOICE && option->metavar)
        choices = tw_option_expectation(option);
    char *value = option->type == TW_FLAG ? NULL : tw_option_value(option);
    const char *opening = value ? " (default: " : option->flags & TW_OPTION_REQUIRED ? " (" : "";
    const char *shown = value                                ? (*value ? value : "empty")
                        : option->flags & TW_OPTION_REQUIRED ? "required"
                                                             : "";
    char *text = tw_format("%s%s%s%s%s%s", option->help, choices ? "; " : "",
                           choices ? choices : "", opening, shown, *opening ? ")" : "");
    free(choices);
    free(value);
    return text;
}

static int label_column(const tw_usage *usage)
{
    size_t width = strlen("  -V, --version");
    for (const tw_option *option = usage->options; option->name || option->help; option++) {
        if (!option->name)
            continue;
        char *text = label(option);
        size_t length = strlen(text);
        if (length > width && length <= LABEL_MAX)
            width = length;
        free(text);
    }
    return (int)width + 2;
}

static void print_option(FILE *to, const char *name, const char *text, int column)
{
    int length = (int)strlen(name);
    if (length + 2 > column)
        fprintf(to, "%s\n%*s", name, column, "");
    else
        fprintf(to, "%-*s", column, name);
    wrap(to, text, column, column);
}

static void print_indented(FILE *to, const char *text)
{
    while (*text) {
        int length = (int)strcspn(text, "\n");
        fprintf(to, "  %.*s\n", length, text);
        text += length + (text[length] == '\n');
    }
}

void tw_print_help(const tw_usage *usage, FILE *to)
{
    int column = label_column(usage);
    fprintf(to, "Usage: %s ", tw_invoked());
    wrap(to, usage->synopsis, 10, (int)strlen(tw_invoked()) + 8);
    wrap(to, usage->purpose, 0, 0);
    if (usage->options->name)
        fputs("\nOptions:\n", to);
    for (const tw_option *option = usage->options; option->name || option->help; option++) {
        if (!option->name) {
            fprintf(to, "\n%s:\n", option->help);
            continue;
        }
        char *name = label(option), *text = description(option);
        print_option(to, name, text, column);
        free(name);
        free(text);
    }
    putc('\n', to);
    print_option(to, "  -h, --help", "show this help", column);
    print_option(to, "  -V, --version", "show the version", column);
    if (usage->example) {
        fputs("\nExample:\n", to);
        print_indented(to, usage->example);
    }
    fputs("\nExit status: 0 done, 1 bad data or an I/O error, 2 wrong usage.\n", to);
}

/* Text as roff prints it literally. */
static void roff(FILE *to, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", to);
    for (; *text; text++) {
        if (*text == '\\')
            fputs("\\e", to);
        else if (*text == '-')
            fputs("\\-", to);
        else
            putc(*text, to);
    }
}

static void roff_option(FILE *to, const char *name, char letter, const char *argument,
                        const char *text)
{
    fputs(".TP\n", to);
    if (letter)
        fprintf(to, "\\fB\\-%c\\fR, ", letter);
    fputs("\\fB\\-\\-", to);
    roff(to, name);
    fputs("\\fR", to);
    if (argument) {
        fputs(" \\fI", to);
        roff(to, argument);
        fputs("\\fR", to);
    }
    putc('\n', to);
    char first[] = {(char)toupper((unsigned char)text[0]), 0};
    roff(to, first);
    fprintf(to, "%s", *text ? "" : "\n");
    if (*text)
        roff(to, text + 1);
    fputs(".\n", to);
}

void tw_print_man_options(const tw_usage *usage, FILE *to)
{
    for (const tw_option *option = usage->options; option->name || option->help; option++) {
        if (!option->name) {
            fputs(".SS ", to);
            roff(to, option->help);
            putc('\n', to);
            continue;
        }
        char *text = description(option);
        roff_option(to, option->name, option->letter,
                    option->type == TW_FLAG ? NULL : metavar(option), text);
        free(text);
    }
    fputs(".SS Help\n", to);
    roff_option(to, "help", 'h', NULL, "show this help");
    roff_option(to, "version", 'V', NULL, "show the version");
}
