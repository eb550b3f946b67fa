#include "core/option.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/number.h"
#include "core/option_text.h"

/* What every program has besides its table. */
static bool help_wanted, version_wanted, man_wanted;
static const tw_option builtin[] = {
    {"help", 'h', TW_FLAG, &help_wanted, NULL, NULL, 0, 0, NULL, 0},
    {"version", 'V', TW_FLAG, &version_wanted, NULL, NULL, 0, 0, NULL, 0},
    {"man-options", 0, TW_FLAG, &man_wanted, NULL, NULL, 0, 0, NULL, 0},
};
enum { BUILTINS = sizeof builtin / sizeof *builtin };

/* A walk over argv. It is walked twice: first to check everything, so that
 * --help shows the defaults and nothing is half set, then to store. */
typedef struct walk {
    const tw_usage *usage;
    int argc;
    char **argv;
    int at; /* the argument being read */
    bool store;
    bool *operand; /* [argc] */
    bool *seen;    /* [options] */
} walk;

static bool is_end(const tw_option *option)
{
    return !option->name && !option->help;
}

static const tw_option *find(const tw_usage *usage, const char *name, size_t length, char letter)
{
    for (const tw_option *option = usage->options; !is_end(option); option++)
        if (option->name && tw_option_matches(option, name, length, letter))
            return option;
    for (int i = 0; i < BUILTINS; i++)
        if (tw_option_matches(&builtin[i], name, length, letter))
            return &builtin[i];
    return NULL;
}

static int set_int(const tw_option *option, const char *text, bool store)
{
    int64_t number = 0;
    if (tw_parse_int(text, &number) < 0)
        return -1;
    if (!tw_option_in_range(option, (double)number))
        return tw_fail("%s is out of range", text);
    if (store)
        *(int64_t *)option->value = number;
    return 0;
}

static int set_real(const tw_option *option, const char *text, bool store)
{
    double number = 0;
    if (tw_parse_real(text, &number) < 0)
        return -1;
    if (!tw_option_in_range(option, number))
        return tw_fail("%s is out of range", text);
    if (store)
        *(double *)option->value = number;
    return 0;
}

static int set_choice(const tw_option *option, const char *text, bool store)
{
    size_t length = strlen(text);
    int index = 0;
    for (const char *choice = option->choices; *choice; index++) {
        size_t size = strcspn(choice, "|");
        if (size == length && memcmp(choice, text, size) == 0) {
            if (store)
                *(int *)option->value = index;
            return 0;
        }
        choice += size + (choice[size] == '|');
    }
    return tw_fail("'%.100s' is unknown", text);
}

/* Checks and, in the second walk, stores a value; the message names the option,
 * the text and what was expected. */
static int set(walk *walk, const tw_option *option, const char *text)
{
    for (const tw_option *o = walk->usage->options; !is_end(o); o++)
        if (o == option)
            walk->seen[o - walk->usage->options] = true;
    int failed = 0;
    bool is_builtin = option >= builtin && option < builtin + BUILTINS;
    if (option->type == TW_FLAG && (walk->store || is_builtin))
        *(bool *)option->value = true;
    else if (option->type == TW_TEXT && walk->store)
        *(const char **)option->value = text;
    else if (option->type == TW_INT)
        failed = set_int(option, text, walk->store);
    else if (option->type == TW_REAL)
        failed = set_real(option, text, walk->store);
    else if (option->type == TW_CHOICE)
        failed = set_choice(option, text, walk->store);
    if (!failed)
        return 0;
    char *expected = tw_option_expectation(option);
    tw_fail("option --%s: %s; expected %s", option->name, tw_error(), expected);
    free(expected);
    return -1;
}

/* The value of an option that takes one: `rest` of its argument, or the next. */
static const char *value_of(walk *walk, const tw_option *option, const char *rest)
{
    if (rest)
        return rest;
    if (walk->at + 1 >= walk->argc) {
        char *expected = tw_option_expectation(option);
        tw_fail("option --%s needs a value: %s", option->name, expected);
        free(expected);
        return NULL;
    }
    return walk->argv[++walk->at];
}

static int take_long(walk *walk, const char *name)
{
    size_t length = strcspn(name, "=");
    const tw_option *option = find(walk->usage, name, length, 0);
    if (!option) {
        char *advice = tw_option_advice(walk->usage, name, length);
        tw_fail("unknown option --%.*s%s", (int)length, name, advice);
        free(advice);
        return -1;
    }
    const char *rest = name[length] ? name + length + 1 : NULL;
    if (option->type != TW_FLAG) {
        const char *value = value_of(walk, option, rest);
        return value ? set(walk, option, value) : -1;
    }
    if (rest)
        return tw_fail("option --%s takes no value", option->name);
    return set(walk, option, NULL);
}

/* One or more letters behind one dash; the last may have a value. */
static int take_letters(walk *walk, const char *letters)
{
    for (const char *at = letters; *at; at++) {
        const tw_option *option = find(walk->usage, NULL, 0, *at);
        if (!option) {
            /* A whole word behind one dash meant a long name. */
            const bool word = at == letters && strcspn(letters, "=") > 1;
            char *advice = tw_option_advice(walk->usage, at, word ? strcspn(at, "=") : 1);
            if (word && *advice)
                tw_fail("unknown option -%s%s", letters, advice);
            else
                tw_fail("unknown option -%c%s", *at, word ? "" : advice);
            free(advice);
            return -1;
        }
        if (option->type != TW_FLAG) {
            const char *value = value_of(walk, option, at[1] ? at + 1 : NULL);
            return value ? set(walk, option, value) : -1;
        }
        if (set(walk, option, NULL) < 0)
            return -1;
    }
    return 0;
}

static int go(walk *walk)
{
    bool only_operands = false;
    for (walk->at = 1; walk->at < walk->argc; walk->at++) {
        const char *argument = walk->argv[walk->at];
        int failed = 0;
        if (only_operands || argument[0] != '-' || !argument[1])
            walk->operand[walk->at] = true;
        else if (strcmp(argument, "--") == 0)
            only_operands = true;
        else if (argument[1] == '-')
            failed = take_long(walk, argument + 2);
        else
            failed = take_letters(walk, argument + 1);
        if (failed)
            return -1;
        if (help_wanted || version_wanted || man_wanted)
            return 0;
    }
    return 0;
}

static tw_parsed show(const tw_usage *usage)
{
    if (help_wanted)
        tw_print_help(usage, stdout);
    else if (man_wanted)
        tw_print_man_options(usage, stdout);
    else
        printf("%s (Tokenwise) %s\n", tw_invoked(), TW_VERSION);
    if (fflush(stdout) || ferror(stdout)) {
        tw_fail("cannot write to standard output: %m");
        return TW_PARSED_BAD;
    }
    return TW_PARSED_DONE;
}

static int check_required(const walk *walk)
{
    const tw_option *options = walk->usage->options;
    for (int i = 0; !is_end(&options[i]); i++)
        if (options[i].name && options[i].flags & TW_OPTION_REQUIRED && !walk->seen[i])
            return tw_fail("option --%s is required", options[i].name);
    return 0;
}

/* Operands to the back, both parts in their order. Returns the first operand. */
static int permute(const walk *walk)
{
    char **moved = tw_alloc((size_t)walk->argc + 1, sizeof *moved);
    int count = 0, first = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < walk->argc; i++)
            if (walk->operand[i] == (pass == 1))
                moved[count++] = walk->argv[i];
        if (pass == 0)
            first = count;
    }
    memcpy(walk->argv, moved, (size_t)walk->argc * sizeof *moved);
    free(moved);
    return first;
}

tw_parsed tw_parse_options(const tw_usage *usage, int argc, char **argv, int *first)
{
    tw_set_program(usage->name);
    if (argc > 0)
        tw_set_invoked(argv[0]);
    help_wanted = version_wanted = man_wanted = false;
    size_t options = 1;
    for (const tw_option *option = usage->options; !is_end(option); option++)
        options++;
    walk walk = {usage, argc, argv, 1, false, NULL, NULL};
    walk.operand = tw_alloc((size_t)argc + 1, sizeof *walk.operand);
    walk.seen = tw_alloc(options, sizeof *walk.seen);
    tw_parsed parsed = TW_PARSED_BAD;
    if (go(&walk) < 0)
        goto out;
    if (help_wanted || version_wanted || man_wanted) {
        parsed = show(usage);
        goto out;
    }
    if (check_required(&walk) < 0)
        goto out;
    walk.store = true;
    if (go(&walk) < 0)
        goto out;
    *first = permute(&walk);
    parsed = TW_PARSED_RUN;
out:
    if (parsed == TW_PARSED_BAD)
        tw_fail("%s (try '%s --help')", tw_error(), tw_invoked());
    free(walk.operand);
    free(walk.seen);
    return parsed;
}

int tw_options_or_exit(const tw_usage *usage, int argc, char **argv, int (*check)(void))
{
    int first = 0;
    const tw_parsed parsed = tw_parse_options(usage, argc, argv, &first);
    if (parsed == TW_PARSED_DONE)
        exit(TW_EXIT_OK);
    if (parsed == TW_PARSED_BAD || (check && check() < 0)) {
        tw_warn("%s", tw_error());
        exit(TW_EXIT_USAGE);
    }
    return first;
}
