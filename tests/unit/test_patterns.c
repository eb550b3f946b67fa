/* Patterns against Hugging Face's tokenizers (tests/oracle/patterns.py): into what parts they
 * split texts, or that they are refused, whichever engine matches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "recorded.h"
#include "text/pattern-dialect.h"
#include "text/pattern.h"

static json_t *recorded;

static int load(void **state)
{
    (void)state;
    recorded = json_load_file("tests/fixtures/patterns.json", JSON_ALLOW_NUL, NULL);
    return recorded ? 0 : -1;
}

static int unload(void **state)
{
    (void)state;
    json_decref(recorded);
    return 0;
}

/* Lengths of the parts that are not empty. */
static int note_length(void *context, const char *part, size_t length, int matched)
{
    (void)part, (void)matched;
    if (length > 0)
        json_array_append_new(context, json_integer((json_int_t)length));
    return 0;
}

static size_t check_text(const tw_pattern *pattern, const char *expression, const char *text,
                         size_t size, const json_t *want)
{
    json_t *found = json_array();
    const int status = tw_pattern_split(pattern, text, size, note_length, found);
    /* What takes too long there may end in time here. */
    const bool same = json_is_null(want) || (status == 0 && json_equal(want, found));
    if (!same) {
        char *wanted = json_dumps(want, JSON_COMPACT), *got = json_dumps(found, JSON_COMPACT);
        print_error("%s\non %s:\n%s, expected %s\n", expression, text, got, wanted);
        free(wanted);
        free(got);
    }
    json_decref(found);
    return !same;
}

static size_t check_pattern(const json_t *one)
{
    const char *expression = json_string_value(field(one, "expression"));
    const json_t *parts = json_object_get(one, "parts"), *text;
    size_t i, wrong = 0;
    tw_pattern *pattern = tw_pattern_new(expression);
    if (!pattern != json_is_null(parts)) {
        print_error("%s: %s\n", expression, pattern ? "expected to be refused" : tw_error());
        wrong++;
    }
    json_array_foreach(pattern && !json_is_null(parts) ? field(recorded, "texts") : NULL, i, text)
        wrong += check_text(pattern, expression, json_string_value(text), json_string_length(text),
                            json_array_get(parts, i));
    tw_pattern_free(pattern);
    return wrong;
}

static void splits_as_tokenizers_does(void **state)
{
    (void)state;
    size_t i, wrong = 0;
    const json_t *one;
    assert_true(json_array_size(field(recorded, "patterns")) > 700);
    json_array_foreach(field(recorded, "patterns"), i, one) wrong += check_pattern(one);
    assert_int_equal(0, wrong);
}

/* As Replace of a tokenizer.json puts it. */
static int put_mark(void *context, const char *part, size_t length, int matched)
{
    tw_bytes_put(context, matched ? "-" : part, matched ? 1 : length);
    return 0;
}

static void empty_matches_count_as_in_tokenizers(void **state)
{
    (void)state;
    size_t i, k;
    const json_t *one, *want;
    assert_int_equal(10, json_array_size(field(recorded, "replaced")));
    json_array_foreach(field(recorded, "replaced"), i, one)
    {
        tw_pattern *pattern = tw_pattern_new(json_string_value(field(one, "expression")));
        assert_non_null(pattern);
        json_array_foreach(field(one, "texts"), k, want)
        {
            const json_t *text = json_array_get(field(recorded, "texts"), k);
            tw_bytes found = {0};
            assert_int_equal(0, tw_pattern_split(pattern, json_string_value(text),
                                                 json_string_length(text), put_mark, &found));
            assert_int_equal(json_string_length(want), found.length);
            if (found.length > 0)
                assert_memory_equal(json_string_value(want), found.data, found.length);
            free(found.data);
        }
        tw_pattern_free(pattern);
    }
}

static bool translates(const char *expression)
{
    tw_bytes translated = {0};
    const bool known = tw_pattern_translate(expression, &translated);
    free(translated.data);
    return known;
}

/* The usual tokenizers' patterns, which the fixture begins with, are PCRE2's to match; of the
 * others a good part, or the comparison would say little. */
static void pcre2_matches_the_usual_patterns(void **state)
{
    (void)state;
    size_t i, known = 0, usual = 0;
    const json_t *one;
    json_array_foreach(field(recorded, "patterns"), i, one)
    {
        const bool so = translates(json_string_value(field(one, "expression")));
        known += so;
        usual += so && i < 5;
    }
    assert_int_equal(5, usual);
    print_message("%zu of %zu by PCRE2\n", known, json_array_size(field(recorded, "patterns")));
    assert_true(known > 100);
    static const char *const others[] = {"\\p{Han}", "a{1,3}+", "a{,2}", "(?m:a.b)", "[a&&b]",
                                         "[[a]b]",   "\\h",     "\\w",   "(?i:ss)",  "(?i:é)"};
    for (i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(translates(others[i]));
}

static void refuses_by_name(void **state)
{
    (void)state;
    assert_null(tw_pattern_new("(?<n>a"));
    assert_non_null(strstr(tw_error(), "'(?<n>a' is not a valid pattern (end pattern with"));
    assert_null(tw_pattern_new("[^[:^punct:]]"));
    assert_non_null(strstr(tw_error(), "[:^punct:] is not supported in '[^[:^punct:]]'"));
}

/* Both engines give up, rather than try for ever. */
static void gives_up(void **state)
{
    (void)state;
    static const char *const slow[] = {"a*a*a*a*(?=b)", "(?:a|aa)+(?=b)"};
    assert_true(translates(slow[0]) && !translates(slow[1]));
    char text[3001];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 0;
    json_t *lengths = json_array();
    for (size_t i = 0; i < sizeof slow / sizeof *slow; i++) {
        tw_pattern *pattern = tw_pattern_new(slow[i]);
        assert_non_null(pattern);
        assert_int_equal(-1,
                         tw_pattern_split(pattern, text, sizeof text - 1, note_length, lengths));
        assert_non_null(strstr(tw_error(), "the pattern takes too long on 3000 bytes"));
        tw_pattern_free(pattern);
    }
    json_decref(lengths);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_as_tokenizers_does),
        cmocka_unit_test(empty_matches_count_as_in_tokenizers),
        cmocka_unit_test(pcre2_matches_the_usual_patterns),
        cmocka_unit_test(refuses_by_name),
        cmocka_unit_test(gives_up),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
