#include "core/option_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/number.h"

bool tw_option_matches(const tw_option *option, const char *name, size_t length, char letter)
{
    if (!name)
        return option->letter && option->letter == letter;
    return strlen(option->name) == length && memcmp(option->name, name, length) == 0;
}

static bool bounded(const tw_option *option)
{
    return option->min != 0 || option->max != 0;
}

bool tw_option_in_range(const tw_option *option, double number)
{
    if (!bounded(option))
        return true;
    bool low = option->flags & TW_OPTION_ABOVE_MIN ? number > option->min : number >= option->min;
    bool high = option->flags & TW_OPTION_BELOW_MAX ? number < option->max : number <= option->max;
    return low && high;
}

/* "a, b, c" from "a|b|c"; the caller frees. */
static char *list(const char *choices)
{
    char *text = tw_alloc(strlen(choices) * 2 + 1, 1);
    char *to = text;
    for (; *choices; choices++) {
        *to++ = *choices == '|' ? ',' : *choices;
        if (*choices == '|')
            *to++ = ' ';
    }
    return text;
}

char *tw_option_expectation(const tw_option *option)
{
    if (option->type == TW_CHOICE) {
        char *choices = list(option->choices);
        char *text = tw_format("one of %s", choices);
        free(choices);
        return text;
    }
    if (option->type == TW_TEXT)
        return tw_strdup(option->metavar ? option->metavar : "TEXT");
    const char *kind = option->type == TW_INT ? "an integer" : "a number";
    if (!bounded(option))
        return tw_strdup(kind);
    char low[TW_NUMBER_SIZE], high[TW_NUMBER_SIZE];
    tw_number_text(option->min, low);
    tw_number_text(option->max, high);
    const char *above = option->flags & TW_OPTION_ABOVE_MIN ? "above" : "of at least";
    const char *below = option->flags & TW_OPTION_BELOW_MAX ? "below" : "at most";
    if (isinf(option->max))
        return tw_format("%s %s %s", kind, above, low);
    if (isinf(option->min))
        return tw_format("%s %s %s", kind, below, high);
    return tw_format("%s %s %s and %s %s", kind, above, low, below, high);
}

static char *choice_text(const char *choices, int index)
{
    if (index < 0)
        return NULL;
    for (; index > 0 && *choices; index--) {
        choices += strcspn(choices, "|");
        choices += *choices == '|';
    }
    return tw_format("%.*s", (int)strcspn(choices, "|"), choices);
}

char *tw_option_value(const tw_option *option)
{
    char number[TW_NUMBER_SIZE];
    switch (option->type) {
    case TW_FLAG:
        return *(bool *)option->value ? tw_strdup("") : NULL;
    case TW_INT:
        if (*(int64_t *)option->value == INT64_MIN)
            return NULL;
        return tw_format("%lld", (long long)*(int64_t *)option->value);
    case TW_REAL:
        if (isnan(*(double *)option->value))
            return NULL;
        tw_number_text(*(double *)option->value, number);
        return tw_strdup(number);
    case TW_TEXT:
        return *(const char **)option->value ? tw_strdup(*(const char **)option->value) : NULL;
    case TW_CHOICE:
        return choice_text(option->choices, *(int *)option->value);
    case TW_HEADING:
        break;
    }
    return NULL;
}

static bool needs_quotes(const char *text)
{
    static const char safe[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+./,:@%";
    return !*text || text[strspn(text, safe)];
}

/* In single quotes where the shell needs them; the caller frees. */
static char *quoted(const char *text)
{
    if (!needs_quotes(text))
        return tw_strdup(text);
    char *result = tw_alloc(strlen(text) * 4 + 3, 1);
    char *to = result;
    *to++ = '\'';
    for (; *text; text++) {
        if (*text == '\'')
            to = stpcpy(to, "'\\'");
        *to++ = *text;
    }
    *to = '\'';
    return result;
}

char *tw_canonical_options(const tw_usage *usage)
{
    char *all = tw_strdup("");
    for (const tw_option *option = usage->options; option->name || option->help; option++) {
        if (!option->name || option->flags & TW_OPTION_RUNTIME)
            continue;
        char *value = tw_option_value(option);
        if (!value)
            continue;
        char *word = quoted(value);
        bool flag = option->type == TW_FLAG;
        char *longer = tw_format("%s%s--%s%s%s", all, *all ? " " : "", option->name,
                                 flag ? "" : "=", flag ? "" : word);
        free(all);
        all = longer;
        free(word);
        free(value);
    }
    return all;
}
