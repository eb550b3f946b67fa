/* Numbers that jq would change, marked and unmarked (records.h). */
#include <ctype.h>
#include <string.h>

#include "records.h"

enum { JQ_DIGITS = 15 /* so many are the same as a double and back */ };

static void put_text(tw_json_buffer *to, const char *text)
{
    tw_json_put_bytes(to, text, strlen(text));
}

static const char *skip_digits(const char *at, const char *stop)
{
    while (at < stop && isdigit((unsigned char)*at))
        at++;
    return at;
}

/* Whether [text, stop) is a number as JSON has them. */
static bool is_number(const char *text, const char *stop)
{
    const char *first = text + (*text == '-'), *at = skip_digits(first, stop);
    if (at == first || (*first == '0' && at > first + 1))
        return false;
    if (at < stop && *at == '.') {
        first = ++at;
        if ((at = skip_digits(at, stop)) == first)
            return false;
    }
    if (at < stop && (*at == 'e' || *at == 'E')) {
        at++;
        at += at < stop && (*at == '+' || *at == '-');
        first = at;
        if ((at = skip_digits(at, stop)) == first)
            return false;
    }
    return at == stop;
}

/* Whether jq prints the number as it stands: integers, and decimals without a zero at their
 * end, of few digits, neither tiny nor with an exponent. */
static bool is_plain(const char *text, const char *stop)
{
    const char *first = text + (*text == '-'), *point = memchr(text, '.', (size_t)(stop - text));
    if (skip_digits(skip_digits(first, stop) + (point != NULL), stop) != stop)
        return false;
    if (stop - first - (point != NULL) > JQ_DIGITS)
        return false;
    if (!point)
        return !(*text == '-' && *first == '0');
    return stop[-1] != '0' &&
           !(*first == '0' && stop - point > 3 && strncmp(point, ".000", 4) == 0);
}

static bool is_strange(const char *text, size_t length)
{
    static const char *const words[] = {"NaN", "nan", "Infinity", "inf", "Inf"};
    const size_t sign = length > 0 && *text == '-';
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == length - sign && memcmp(words[i], text + sign, length - sign) == 0)
            return true;
    return false;
}

static void put_marked(tw_json_buffer *to, char mark, const char *text, size_t length)
{
    const char open[] = {'"', '\\', 'u', '0', '0', '0', '1', mark};
    tw_json_put_bytes(to, open, sizeof open);
    tw_json_put_bytes(to, text, length);
    put_text(to, MARK "E\"");
}

/* The number or word at `at`; returns its end. */
static const char *put_word(tw_json_buffer *to, const char *at, const char *end, bool *strange)
{
    const char *stop = at;
    while (stop < end && (isalnum((unsigned char)*stop) || strchr("+-.", *stop)) && *stop)
        stop++;
    const size_t length = (size_t)(stop - at);
    const bool is_nan = is_strange(at, length);
    *strange = *strange || is_nan;
    if (is_nan)
        put_marked(to, MARK_NOT, at, length);
    else if (is_number(at, stop) && !is_plain(at, stop))
        put_marked(to, MARK_NUMBER, at, length);
    else
        tw_json_put_bytes(to, at, length);
    return stop;
}

/* Behind the string at `at`, or `end`; *own: there is a U+0001 in it. */
static const char *skip_string(const char *at, const char *end, bool *own)
{
    for (at++; at < end && *at != '"'; at++)
        if (*at == '\\' && at + 1 < end) {
            *own = *own || (end - at >= 6 && memcmp(at, MARK, 6) == 0);
            at++;
        }
    return at < end ? at + 1 : end;
}

/* The same, each U+0001 followed by its mark. */
static void put_own(tw_json_buffer *to, const char *at, const char *stop)
{
    while (at < stop) {
        const size_t length = *at != '\\' || stop - at < 2                 ? 1
                              : stop - at >= 6 && memcmp(at, MARK, 6) == 0 ? 6
                                                                           : 2;
        tw_json_put_bytes(to, at, length);
        if (length == 6)
            tw_json_put_bytes(to, &(const char){MARK_SELF}, 1);
        at += length;
    }
}

static const char *put_string(tw_json_buffer *to, const char *at, const char *end)
{
    bool own = false;
    const char *stop = skip_string(at, end, &own);
    if (own)
        put_own(to, at, stop);
    else
        tw_json_put_bytes(to, at, (size_t)(stop - at));
    return stop;
}

void mark_numbers(tw_json_buffer *to, const char *text, size_t length, bool *strange)
{
    const char *at = text, *end = text + length;
    *strange = false;
    while (at < end) {
        if (*at == '"') {
            at = put_string(to, at, end);
        } else if (isalnum((unsigned char)*at) || *at == '-') {
            at = put_word(to, at, end, strange);
        } else {
            tw_json_put_bytes(to, at++, 1);
        }
    }
}

/* The mark at `at` of [text, end), within a string; returns what is behind it. A number that
 * is all of its string loses the quotes. */
static const char *put_unmarked(tw_json_buffer *to, const char *text, const char *at,
                                const char *end)
{
    const char mark = end - at > 6 ? at[6] : 0;
    at += end - at > 6 ? 7 : 6;
    if (mark == MARK_SELF)
        put_text(to, MARK);
    if (mark != MARK_NUMBER && mark != MARK_NOT)
        return at;
    const char *stop = memmem(at, (size_t)(end - at), MARK "E", 7);
    if (!stop)
        return at;
    const bool whole = at - 8 >= text && at[-8] == '"' && to->used > 0 &&
                       to->bytes[to->used - 1] == '"' && stop[7] == '"' &&
                       !(at - 9 >= text && at[-9] == '\\');
    to->used -= whole;
    tw_json_put_bytes(to, at, (size_t)(stop - at));
    return stop + 7 + whole;
}

void unmark_numbers(tw_json_buffer *to, const char *text, size_t length)
{
    const char *at = text, *end = text + length;
    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        const char *stop = escape ? escape : end;
        tw_json_put_bytes(to, at, (size_t)(stop - at));
        if (!escape)
            return;
        if (end - stop >= 6 && memcmp(stop, MARK, 6) == 0) {
            at = put_unmarked(to, text, stop, end);
        } else {
            const size_t count = end - stop > 1 ? 2 : 1;
            tw_json_put_bytes(to, stop, count);
            at = stop + count;
        }
    }
}
