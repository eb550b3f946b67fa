/* Normalizers against what `tokenizers` records (tests/oracle/first_character.py), above all how
 * much of a result stems from the text's first character; and steps that give up. */

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
#include "core/memory.h"
#include "recorded.h"
#include "text/list.h"
#include "text/normalizer.h"

static tw_normalizer *normalizer_of(const json_t *json)
{
    tw_normalizer *normalizer = tw_normalizer_new(json);
    if (!normalizer)
        fail_msg("%s", tw_error());
    return normalizer;
}

/* [text, normalized, lead] */
static void check(const tw_normalizer *normalizer, const char *name, size_t i, const json_t *one)
{
    const json_t *text = json_array_get(one, 0), *expected = json_array_get(one, 1);
    const size_t lead = (size_t)json_integer_value(json_array_get(one, 2));
    tw_normalized normal;
    if (tw_normalize(normalizer, json_string_value(text), json_string_length(text), &normal) < 0)
        fail_msg("%s %zu: %s", name, i, tw_error());
    if (normal.length != json_string_length(expected) ||
        memcmp(normal.text, json_string_value(expected), normal.length) != 0)
        fail_msg("%s %zu ('%s'): '%.*s', expected '%s'", name, i, json_string_value(text),
                 (int)normal.length, normal.text, json_string_value(expected));
    if (normal.lead != lead)
        fail_msg("%s %zu ('%s' to '%.*s'): lead %zu, expected %zu", name, i,
                 json_string_value(text), (int)normal.length, normal.text, normal.lead, lead);
    free(normal.made.data);
}

static void first_characters_are_followed(void **state)
{
    (void)state;
    json_t *all = json_load_file("tests/fixtures/first-character.json", JSON_ALLOW_NUL, NULL);
    const json_t *step, *one;
    size_t i, k, count = 0;
    assert_non_null(all);
    json_array_foreach(field(all, "normalizers"), i, step)
    {
        char *name = json_dumps(field(step, "normalizer"), JSON_COMPACT);
        tw_normalizer *normalizer = normalizer_of(field(step, "normalizer"));
        json_array_foreach(field(step, "cases"), k, one)
        {
            check(normalizer, name, k, one);
            count++;
        }
        tw_normalizer_free(normalizer);
        free(name);
    }
    assert_true(count >= 1500);
    json_decref(all);
}

/* What is not UTF-8 is one character each; without steps the first is the lead. */
static void any_bytes_have_a_lead(void **state)
{
    (void)state;
    static const struct {
        const char *step, *text;
        size_t lead, length;
    } cases[] = {{"null", "", 0, 0},
                 {"null", "\xE6\x97\xA5x", 3, 4},
                 {"null", "\xE6\x97", 2, 2},
                 {"{\"type\":\"NFKC\"}", "\xFF\xC2\xBD", 1, 6},
                 {"{\"type\":\"NFKC\"}", "\xC2\xBD\xFF", 5, 6},
                 {"{\"type\":\"Strip\"}", " \xFF", 0, 1},
                 {"{\"type\":\"Strip\"}", "  ", 0, 0},
                 {"{\"type\":\"Prepend\",\"prepend\":\"ab\"}", "\xE6\x97\xA5x", 5, 6}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *json = json_loads(cases[i].step, JSON_DECODE_ANY, NULL);
        tw_normalizer *normalizer = normalizer_of(json);
        tw_normalized normal;
        assert_int_equal(0,
                         tw_normalize(normalizer, cases[i].text, strlen(cases[i].text), &normal));
        assert_int_equal(cases[i].lead, normal.lead);
        assert_int_equal(cases[i].length, normal.length);
        free(normal.made.data);
        tw_normalizer_free(normalizer);
        json_decref(json);
    }
}

static json_t *replace(const char *what, const char *with, size_t times)
{
    tw_bytes content = {0};
    for (size_t i = 0; i < times; i++)
        tw_bytes_put(&content, with, strlen(with));
    char *text = tw_bytes_take(&content);
    json_t *step = json_pack("{s:s, s:{s:s}, s:s}", "type", "Replace", "pattern", "String", what,
                             "content", text);
    free(text);
    return step;
}

/* A table by which "x" is 252 letters: the root's offset is 256, so "x" is unit 256 ^ 'x' (all
 * letters below 256 are no children), whose leaf is the unit before it. */
static json_t *precompiled(void)
{
    enum { UNITS = 1024, LETTERS = 252, X = 256 ^ 'x', HEAD = 4 + 4 * UNITS };
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char map[HEAD + LETTERS + 1] = {0, 4 * UNITS >> 8};
    const uint32_t root = 256U << 10, x = 512U << 10 | 1U << 8 | 'x', leaf = 1U << 31;
    memcpy(map + 4, &root, 4);
    memcpy(map + 4 + 4 * (size_t)X, &x, 4);
    memcpy(map + 4 + 4 * (size_t)(X ^ 512), &leaf, 4);
    memset(map + HEAD, 'a', LETTERS);
    tw_bytes text = {0};
    for (size_t i = 0; i + 3 <= sizeof map; i += 3) {
        const unsigned bits = (unsigned)map[i] << 16 | (unsigned)map[i + 1] << 8 | map[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            tw_bytes_put(&text, &digits[bits >> shift & 63], 1);
    }
    assert_int_equal(0, sizeof map % 3);
    char *base64 = tw_bytes_take(&text);
    json_t *step = json_pack("{s:s, s:s}", "type", "Precompiled", "precompiled_charsmap", base64);
    free(base64);
    return step;
}

/* Each kind of step that can make a text longer is made to make it too long: a failure, and
 * nothing is read from what it left (AddressSanitizer sees that). */
static void every_step_may_give_up(void **state)
{
    (void)state;
    enum { LENGTH = 3000, TIMES = 60 };
    tw_bytes bulk = {0};
    for (size_t i = 0; i < (1 << 19); i++)
        tw_bytes_put(&bulk, "a", 1);
    char text[LENGTH], *before = tw_bytes_take(&bulk);
    memset(text, 'a', sizeof text);
    json_t *const cases[][2] = {
        {replace("a", "a", TIMES), replace("a", "aa", 1)},
        {json_pack("{s:s}", "type", "Strip"),
         json_pack("{s:s, s:s}", "type", "Prepend", "prepend", before)},
        {replace("a", "\xEF\xB7\xBA", TIMES / 3), json_pack("{s:s}", "type", "NFKC")},
        {replace("a", "\xEF\xB7\xBA", TIMES / 3), json_pack("{s:s}", "type", "NFKD")},
        {replace("a", "\xE1\xB9\xA9", TIMES / 3), json_pack("{s:s}", "type", "NFD")},
        {replace("a", "\xE0\xA5\x98", TIMES / 3), json_pack("{s:s}", "type", "NFC")},
        {replace("a", "\xC4\xB0", TIMES / 2), json_pack("{s:s}", "type", "Lowercase")},
        {replace("a", "x", TIMES), precompiled()},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *json = json_pack("{s:s, s:[o, o, {s:s}]}", "type", "Sequence", "normalizers",
                                 cases[i][0], cases[i][1], "type", "Strip");
        tw_normalizer *normalizer = normalizer_of(json);
        tw_normalized normal;
        const int status = tw_normalize(normalizer, text, sizeof text, &normal);
        if (status == 0 || !strstr(tw_error(), "the normalizer makes more than"))
            fail_msg("case %zu: status %d, %zu bytes", i, status, normal.length);
        free(normal.made.data);
        assert_int_equal(0, tw_normalize(normalizer, "", 0, &normal));
        free(normal.made.data);
        tw_normalizer_free(normalizer);
        json_decref(json);
    }
    free(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_characters_are_followed),
        cmocka_unit_test(any_bytes_have_a_lead),
        cmocka_unit_test(every_step_may_give_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
