#include "text/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <oniguruma.h>
#include <pcre2.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "text/field.h"
#include "text/list.h"
#include "text/pattern-dialect.h"
#include "text/utf8.h"

/* Steps of a matcher for one match, of which a run of blanks takes some for each of them, and what
 * memory it may take. Oniguruma's are its own defaults, with which `tokenizers` runs. */
enum { MATCH_LIMIT = 1 << 26, HEAP_KIB = 1 << 20, RETRY_LIMIT = 10000000, STACK_ENTRIES = 1 << 24 };

/* One of the two. */
struct tw_pattern {
    pcre2_code *code;
    pcre2_match_context *limits; /* of code */
    regex_t *oniguruma;
};

/* What a thread matches with. */
typedef struct matcher {
    const tw_pattern *pattern;
    pcre2_match_data *data;
    OnigRegion *region;
    OnigMatchParam *limits;
} matcher;

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

/* Oniguruma's class [:punct:] has symbols in it from version 6.9.9 on, as in `tokenizers`, but not
 * before. Puts the expression with both; no NUL is put. */
static int modernise(const char *expression, tw_bytes *to)
{
    static const char punct[] = "[:punct:]", symbols[] = "\\p{P}\\p{S}";
    size_t depth = 0; /* of classes */
    for (const char *at = expression; *at;) {
        if (depth > 0 && strncmp(at, "[:^punct:]", 10) == 0)
            return tw_fail("[:^punct:] is not supported in '%.100s'", expression);
        if (depth > 0 && strncmp(at, punct, sizeof punct - 1) == 0) {
            tw_bytes_put(to, symbols, sizeof symbols - 1);
            at += sizeof punct - 1;
            continue;
        }
        depth += *at == '[';
        depth -= *at == ']' && depth > 0;
        const size_t length = at[0] == '\\' && at[1] ? 2 : 1;
        tw_bytes_put(to, at, length);
        at += length;
    }
    return 0;
}

static void begin_oniguruma(void)
{
    OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
    onig_initialize(encodings, 1);
}

static tw_pattern *compile_oniguruma(const char *expression)
{
    static pthread_once_t begun = PTHREAD_ONCE_INIT;
    pthread_once(&begun, begin_oniguruma);
    tw_bytes modern = {0};
    OnigErrorInfo info;
    if (modernise(expression, &modern) < 0) {
        free(modern.data);
        return NULL;
    }
    const OnigUChar *text = (const OnigUChar *)(modern.data ? modern.data : "");
    tw_pattern *pattern = tw_alloc(1, sizeof *pattern);
    const int status = onig_new(&pattern->oniguruma, text, text + modern.length, ONIG_OPTION_NONE,
                                ONIG_ENCODING_UTF8, ONIG_SYNTAX_ONIGURUMA, &info);
    free(modern.data);
    if (status == ONIG_NORMAL)
        return pattern;
    OnigUChar message[ONIG_MAX_ERROR_MESSAGE_LEN] = "";
    onig_error_code_to_str(message, status, &info);
    tw_fail("'%.100s' is not a valid pattern (%s)", expression, (char *)message);
    free(pattern);
    return NULL;
}

tw_pattern *tw_pattern_new(const char *expression)
{
    tw_bytes translated = {0};
    tw_pattern *pattern = NULL;
    if (tw_pattern_translate(expression, &translated))
        pattern = compile(translated.data ? translated.data : "", translated.length,
                          PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C);
    free(translated.data);
    return pattern ? pattern : compile_oniguruma(expression);
}

tw_pattern *tw_pattern_literal(const char *text)
{
    return compile(text, strlen(text), PCRE2_UTF | PCRE2_LITERAL);
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
    return expression ? tw_pattern_new(expression) : tw_pattern_literal(literal);
}

void tw_pattern_free(tw_pattern *pattern)
{
    if (!pattern)
        return;
    pcre2_code_free(pattern->code);
    pcre2_match_context_free(pattern->limits);
    if (pattern->oniguruma)
        onig_free(pattern->oniguruma);
    free(pattern);
}

static int fail_to_match(size_t length)
{
    return tw_fail("cannot tokenize: the pattern takes too long on %zu bytes", length);
}

static int find_by_pcre2(const matcher *m, const char *text, size_t length, size_t from,
                         size_t range[2])
{
    const tw_pattern *pattern = m->pattern;
    uint32_t options = PCRE2_NO_UTF_CHECK;
    int found = pcre2_match(pattern->code, (PCRE2_SPTR)text, length, from, options, m->data,
                            pattern->limits);
    if (found == PCRE2_ERROR_JIT_STACKLIMIT)
        found = pcre2_match(pattern->code, (PCRE2_SPTR)text, length, from, options | PCRE2_NO_JIT,
                            m->data, pattern->limits);
    if (found == PCRE2_ERROR_NOMATCH)
        return 0;
    if (found < 0)
        return fail_to_match(length);
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(m->data);
    range[0] = ends[0];
    range[1] = ends[1];
    return 1;
}

static int find_by_oniguruma(const matcher *m, const char *text, size_t length, size_t from,
                             size_t range[2])
{
    const OnigUChar *begin = (const OnigUChar *)text, *end = begin + length;
    const int found = onig_search_with_param(m->pattern->oniguruma, begin, end, begin + from, end,
                                             m->region, ONIG_OPTION_NONE, m->limits);
    if (found == ONIG_MISMATCH)
        return 0;
    if (found < 0)
        return fail_to_match(length);
    range[0] = (size_t)m->region->beg[0];
    range[1] = (size_t)m->region->end[0];
    return 1;
}

/* The first match at `from` or later: its [start, end), which may be empty. 1, 0 if there is
 * none, -1. */
static int find(const matcher *m, const char *text, size_t length, size_t from, size_t range[2])
{
    return m->pattern->code ? find_by_pcre2(m, text, length, from, range)
                            : find_by_oniguruma(m, text, length, from, range);
}

static int give(tw_part *part, void *context, const char *text, size_t length)
{
    return length > 0 ? part(context, text, length, 0) : 0;
}

static size_t character_length(const char *text)
{
    const unsigned char first = (unsigned char)*text;
    return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

/* text[length] is UTF-8. As `tokenizers` looks for matches: an empty one counts, but where the
 * match before ended; then the next is looked for behind the character that stands there. */
static int split_run(const matcher *m, const char *text, size_t length, tw_part *part,
                     void *context)
{
    size_t done = 0, from = 0, range[2] = {0};
    bool any = false;
    int found = 0;
    while (from <= length && (found = find(m, text, length, from, range)) > 0) {
        if (any && range[0] == done && range[1] == done) {
            from = done + (done < length ? character_length(text + done) : 1);
            continue;
        }
        if (give(part, context, text + done, range[0] - done) < 0 ||
            part(context, text + range[0], range[1] - range[0], 1) < 0)
            return -1;
        done = from = range[1];
        any = true;
    }
    return found < 0 ? -1 : give(part, context, text + done, length - done);
}

static int begin_matcher(matcher *m, const tw_pattern *pattern)
{
    *m = (matcher){.pattern = pattern};
    if (pattern->code && (m->data = pcre2_match_data_create(1, NULL)))
        return 0;
    if (!pattern->code && (m->region = onig_region_new()) && (m->limits = onig_new_match_param())) {
        onig_initialize_match_param(m->limits);
        onig_set_retry_limit_in_match_of_match_param(m->limits, RETRY_LIMIT);
        onig_set_retry_limit_in_search_of_match_param(m->limits, MATCH_LIMIT);
        onig_set_match_stack_limit_size_of_match_param(m->limits, STACK_ENTRIES);
        return 0;
    }
    return tw_fail("cannot tokenize: out of memory");
}

static void end_matcher(matcher *m)
{
    pcre2_match_data_free(m->data);
    if (m->region)
        onig_region_free(m->region, 1);
    if (m->limits)
        onig_free_match_param(m->limits);
}

int tw_pattern_split(const tw_pattern *pattern, const char *text, size_t length, tw_part *part,
                     void *context)
{
    matcher m;
    int status = begin_matcher(&m, pattern);
    for (size_t i = 0; status == 0 && i < length;) {
        size_t run = tw_utf8_run(text + i, length - i);
        if (run > 0)
            status = split_run(&m, text + i, run, part, context);
        size_t broken = i += run;
        while (i < length && tw_utf8_run(text + i, 4 < length - i ? 4 : length - i) == 0)
            i += tw_utf8_broken(text + i, length - i);
        if (status == 0)
            status = give(part, context, text + broken, i - broken);
    }
    end_matcher(&m);
    return status;
}
