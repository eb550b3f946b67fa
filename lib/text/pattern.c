#include "text/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "text/field.h"
#include "text/list.h"
#include "text/utf8.h"

/* Steps of the matcher for one match. A run of blanks takes some for each of them. */
enum { MATCH_LIMIT = 1 << 26, HEAP_KIB = 1 << 20 };

struct tw_pattern {
    pcre2_code *code;
    pcre2_match_context *limits;
};

/* PCRE2's \s has U+180E too. Oniguruma's ^ and $ are those of lines. */
#define WHITE "\\p{Z}\\t-\\r\\x{85}"

static void put(tw_bytes *to, const char *text)
{
    tw_bytes_put(to, text, strlen(text));
}

/* Length of the escape at `at`, which is copied or rewritten; 0: not one that both know. */
static size_t rewrite_escape(const char *at, bool in_class, tw_bytes *to)
{
    char kind = at[1];
    if (kind == 's') {
        put(to, in_class ? WHITE : "[" WHITE "]");
    } else if (kind == 'S' && !in_class) {
        put(to, "[^" WHITE "]");
    } else if (kind == 'p' || kind == 'P') {
        const char *end = at[2] == '{' ? strchr(at, '}') : NULL;
        if (!end)
            return 0;
        tw_bytes_put(to, at, (size_t)(end - at) + 1);
        return (size_t)(end - at) + 1;
    } else if (kind && strchr("drnt", kind)) {
        tw_bytes_put(to, at, 2);
    } else if (kind && strchr("\\|.*+?()[]{}^$-/'\"# ,:;!<>=&_", kind)) {
        tw_bytes_put(to, at, 2);
    } else {
        return 0;
    }
    return 2;
}

/* In Oniguruma's classes `[` nests and `&&` intersects. */
static bool class_differs(const char *at)
{
    return *at == '[' || (at[0] == '&' && at[1] == '&');
}

static int rewrite(const char *expression, tw_bytes *to)
{
    bool in_class = false;
    for (const char *at = expression; *at;) {
        if (*at == '\\') {
            size_t length = rewrite_escape(at, in_class, to);
            if (length == 0)
                return tw_fail("the escape at '%.2s' is not supported in '%s'", at, expression);
            at += length;
            continue;
        }
        if (in_class && class_differs(at))
            return tw_fail("'%c' in a class is not supported in '%s'", *at, expression);
        if (!in_class && *at == '[') {
            in_class = true;
            tw_bytes_put(to, at++, 1);
            if (*at == '^')
                tw_bytes_put(to, at++, 1);
            continue;
        }
        in_class = in_class && *at != ']';
        tw_bytes_put(to, at++, 1);
    }
    put(to, "");
    return 0;
}

static tw_pattern *compile(const char *expression, size_t length, uint32_t options)
{
    int error = 0;
    PCRE2_SIZE at = 0;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)expression, length, options, &error, &at, NULL);
    if (!code) {
        PCRE2_UCHAR message[128];
        pcre2_get_error_message(error, message, sizeof message);
        tw_fail("not a valid pattern (%s)", (char *)message);
        return NULL;
    }
    /* Without it (not on every processor) the interpreter does the same. */
    (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    tw_pattern *pattern = tw_alloc(1, sizeof *pattern);
    pattern->code = code;
    pattern->limits = pcre2_match_context_create(NULL);
    if (pattern->limits) {
        pcre2_set_match_limit(pattern->limits, MATCH_LIMIT);
        pcre2_set_heap_limit(pattern->limits, HEAP_KIB);
    }
    return pattern;
}

tw_pattern *tw_pattern_new(const char *expression)
{
    tw_pattern *pattern = NULL;
    tw_bytes rewritten = {0};
    if (rewrite(expression, &rewritten) == 0)
        pattern = compile(rewritten.data ? rewritten.data : "", rewritten.length,
                          PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C);
    free(rewritten.data);
    return pattern;
}

tw_pattern *tw_pattern_literal(const char *text)
{
    return compile(text, strlen(text), PCRE2_UTF | PCRE2_LITERAL);
}

/* Whether it matches an empty text; where `tokenizers` counts empty matches we see none. */
static bool matches_nothing(const tw_pattern *pattern)
{
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    bool found =
        match && pcre2_match(pattern->code, (PCRE2_SPTR) "", 0, 0, 0, match, pattern->limits) >= 0;
    pcre2_match_data_free(match);
    return found;
}

tw_pattern *tw_pattern_read(const json_t *json)
{
    const char *expression = NULL, *literal = NULL;
    if (tw_field_text(json, "Regex", NULL, &expression) < 0 ||
        tw_field_text(json, "String", NULL, &literal) < 0)
        return NULL;
    if (!expression == !literal || (literal && !*literal)) {
        tw_fail("expected a Regex or a String");
        return NULL;
    }
    tw_pattern *pattern = expression ? tw_pattern_new(expression) : tw_pattern_literal(literal);
    if (!pattern || !matches_nothing(pattern))
        return pattern;
    tw_fail("'%s' matches nothing at all, which is not supported", expression);
    tw_pattern_free(pattern);
    return NULL;
}

void tw_pattern_free(tw_pattern *pattern)
{
    if (!pattern)
        return;
    pcre2_code_free(pattern->code);
    pcre2_match_context_free(pattern->limits);
    free(pattern);
}

/* The first match at `from` or later that is not empty: its [start, end). 1, 0 if there is
 * none, -1. */
static int next_match(const tw_pattern *pattern, pcre2_match_data *match, const char *text,
                      size_t length, size_t from, PCRE2_SIZE **range)
{
    uint32_t options = PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY;
    int found =
        pcre2_match(pattern->code, (PCRE2_SPTR)text, length, from, options, match, pattern->limits);
    if (found == PCRE2_ERROR_JIT_STACKLIMIT)
        found = pcre2_match(pattern->code, (PCRE2_SPTR)text, length, from, options | PCRE2_NO_JIT,
                            match, pattern->limits);
    if (found == PCRE2_ERROR_NOMATCH)
        return 0;
    *range = pcre2_get_ovector_pointer(match);
    if (found >= 0 && (*range)[0] >= from && (*range)[1] > (*range)[0])
        return 1;
    return tw_fail("cannot tokenize: the pattern takes too long on %zu bytes", length);
}

static int give(tw_part *part, void *context, const char *text, size_t length, int matched)
{
    return length > 0 ? part(context, text, length, matched) : 0;
}

/* text[length] is UTF-8. */
static int split_run(const tw_pattern *pattern, pcre2_match_data *match, const char *text,
                     size_t length, tw_part *part, void *context)
{
    size_t done = 0;
    PCRE2_SIZE *range = NULL;
    while (done < length) {
        int found = next_match(pattern, match, text, length, done, &range);
        if (found < 0)
            return -1;
        if (found == 0)
            break;
        size_t start = range[0], end = range[1];
        if (give(part, context, text + done, start - done, 0) < 0 ||
            give(part, context, text + start, end - start, 1) < 0)
            return -1;
        done = end;
    }
    return give(part, context, text + done, length - done, 0);
}

int tw_pattern_split(const tw_pattern *pattern, const char *text, size_t length, tw_part *part,
                     void *context)
{
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    int status = match ? 0 : tw_fail("cannot tokenize: out of memory");
    for (size_t i = 0; status == 0 && i < length;) {
        size_t run = tw_utf8_run(text + i, length - i);
        status = split_run(pattern, match, text + i, run, part, context);
        size_t broken = i += run;
        while (i < length && tw_utf8_run(text + i, 4 < length - i ? 4 : length - i) == 0)
            i += tw_utf8_broken(text + i, length - i);
        if (status == 0)
            status = give(part, context, text + broken, i - broken, 0);
    }
    pcre2_match_data_free(match);
    return status;
}
