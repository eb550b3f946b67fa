/* Tokenizers in folders as transformers saves them, against what it records
 * (tests/oracle/record_folders.py). */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "core/memory.h"
#include "core/rng.h"
#include "errors.h"
#include "recorded.h"
#include "recorded_tokenizers.h"
#include "scratch.h"
#include "text/utf8.h"

#define FIXTURES "tests/fixtures/folders"

static const char *const kinds[] = {"t5",      "t5-new", "t5-json",       "albert",
                                    "unigram", "llama2", "llama2-legacy", "roberta"};
enum { KINDS = sizeof kinds / sizeof *kinds };

static char *home; /* where the fixtures are */

static void encodes_as_transformers(void **state)
{
    (void)state;
    json_t *all = load_recorded(FIXTURES "/recorded.json");
    const json_t *lines = field(all, "lines");
    assert_true(json_array_size(lines) >= 90);
    for (size_t k = 0; k < KINDS; k++) {
        tw_tokenizer *tokenizer = open_tokenizer(FIXTURES, kinds[k]);
        const json_t *kind = field(all, kinds[k]), *ids = field(kind, "ids");
        assert_int_equal(json_array_size(lines), json_array_size(ids));
        assert_int_equal(json_integer_value(field(kind, "size")), tw_tokenizer_size(tokenizer));
        check_ids(kinds[k], 0, field(kind, "before"), tw_tokenizer_before(tokenizer));
        check_ids(kinds[k], 1, field(kind, "after"), tw_tokenizer_after(tokenizer));
        for (size_t i = 0; i < json_array_size(lines); i++)
            check_encoded(tokenizer, kinds[k], i, json_array_get(lines, i), json_array_get(ids, i));
        tw_tokenizer_free(tokenizer);
    }
    json_decref(all);
}

/* Some classes of transformers take blanks off both ends, which we leave. */
static char *trimmed(char *text)
{
    size_t begin = strspn(text, " "), end = strlen(text);
    while (end > begin && text[end - 1] == ' ')
        end--;
    text[end] = '\0';
    return text + begin;
}

static void check_trimmed(const tw_tokenizer *tokenizer, const char *kind, size_t line,
                          const json_t *ids, const json_t *expected)
{
    char *found = decoded(tokenizer, ids), *wanted = shown(expected);
    if (strcmp(trimmed(wanted), trimmed(found)) != 0)
        fail_msg("%s %zu: '%s', expected '%s'", kind, line, found, wanted);
    free(wanted);
    free(found);
}

static void decodes_as_transformers(void **state)
{
    (void)state;
    json_t *all = load_recorded(FIXTURES "/recorded.json");
    const json_t *lines = field(all, "lines");
    for (size_t k = 0; k < KINDS; k++) {
        tw_tokenizer *tokenizer = open_tokenizer(FIXTURES, kinds[k]);
        const json_t *kind = field(all, kinds[k]), *parts = field(kind, "fragments");
        for (size_t i = 0; i < json_array_size(lines); i++) {
            const json_t *text = json_array_get(field(kind, "decoded"), i);
            check_trimmed(tokenizer, kinds[k], i, json_array_get(field(kind, "ids"), i),
                          json_is_null(text) ? json_array_get(lines, i) : text);
        }
        for (size_t i = 0; i < json_array_size(parts); i++) {
            const json_t *part = json_array_get(parts, i);
            check_trimmed(tokenizer, kinds[k], i, field(part, "ids"), field(part, "decoded"));
        }
        tw_tokenizer_free(tokenizer);
    }
    json_decref(all);
}

static void knows_special_tokens(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *bos, *eos, *pad, *other;
    } expected[] = {{"t5", NULL, "</s>", "<pad>", "<extra_id_99>"},
                    {"t5-json", NULL, "</s>", "<pad>", "<extra_id_0>"},
                    {"albert", "[CLS]", "[SEP]", "<pad>", "[MASK]"},
                    {"llama2", "<s>", "</s>", "[PAD]", "<|im_start|>"},
                    {"roberta", "<s>", "</s>", "<pad>", "<mask>"}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        tw_tokenizer *t = open_tokenizer(FIXTURES, expected[i].kind);
        const char *bos = tw_tokenizer_piece(t, tw_tokenizer_bos(t));
        assert_string_equal(expected[i].bos ? expected[i].bos : "none", bos ? bos : "none");
        assert_string_equal(expected[i].eos, tw_tokenizer_piece(t, tw_tokenizer_eos(t)));
        assert_string_equal(expected[i].pad, tw_tokenizer_piece(t, tw_tokenizer_pad(t)));
        int32_t id = tw_tokenizer_find(t, expected[i].other);
        assert_string_equal(expected[i].other, tw_tokenizer_piece(t, id));
        assert_int_equal(-1, tw_tokenizer_find(t, "no such piece"));
        assert_null(tw_tokenizer_piece(t, tw_tokenizer_size(t)));
        tw_tokenizer_free(t);
    }
    tw_tokenizer *t5 = open_tokenizer(FIXTURES, "t5");
    const int32_t last = tw_tokenizer_find(t5, "<extra_id_99>");
    assert_int_equal(last + 99, tw_tokenizer_find(t5, "<extra_id_0>"));
    tw_tokenizer_free(t5);
}

/* Text or not: ids of the vocabulary, which decode to UTF-8. */
static void survives_any_bytes(void **state)
{
    (void)state;
    for (size_t k = 0; k < KINDS; k++) {
        tw_tokenizer *tokenizer = open_tokenizer(FIXTURES, kinds[k]);
        for (uint64_t run = 0; run < 100; run++) {
            char text[64];
            tw_ids ids = {0};
            for (uint32_t i = 0; i < sizeof text; i++)
                text[i] = (char)tw_random(run, TW_RNG_SAMPLE, run, 0, i);
            assert_int_equal(0, tw_tokenizer_encode(tokenizer, text, run % sizeof text, &ids));
            char *decoded = tw_tokenizer_decode(tokenizer, ids.ids, ids.count);
            assert_non_null(decoded);
            assert_true(tw_utf8_valid(decoded, strlen(decoded)));
            free(decoded);
            free(ids.ids);
        }
        tw_tokenizer_free(tokenizer);
    }
}

static void copy_as(const char *from, const char *name)
{
    char *path = tw_format("%s/" FIXTURES "/%s", home, from);
    size_t size = 0;
    char *bytes = tw_read_file(path, 1 << 20, &size);
    assert_int_equal(0, bytes ? tw_write_file(name, bytes, size) : -1);
    free(bytes);
    free(path);
}

/* How many tokens the text has with the tokenizer_config.json; 0: it is refused. */
static size_t count_with(const char *config, const char *text)
{
    tw_ids ids = {0};
    scratch_text("tokenizer_config.json", config);
    tw_tokenizer *tokenizer = tw_tokenizer_open(".");
    if (!tokenizer)
        return 0;
    assert_int_equal(0, tw_tokenizer_encode(tokenizer, text, strlen(text), &ids));
    free(ids.ids);
    tw_tokenizer_free(tokenizer);
    return ids.count;
}

static void heeds_the_configuration(void **state)
{
    (void)state;
    copy_as("t5/spiece.model", "spiece.model");
    /* Text, unless the folder says that it spells a token. */
    tw_ids ids = {0};
    tw_tokenizer *bare = tw_tokenizer_open(".");
    assert_non_null(bare);
    assert_int_equal(0, tw_tokenizer_encode(bare, "</s>", 4, &ids));
    assert_true(ids.count > 1);
    assert_int_equal(0, tw_tokenizer_after(bare)->count);
    free(ids.ids);
    tw_tokenizer_free(bare);
    assert_int_equal(1, count_with("{\"tokenizer_class\":\"T5Tokenizer\"}", "</s>"));
    assert_int_equal(1, count_with("{\"tokenizer_class\":\"T5Tokenizer\"}", "<extra_id_42>"));
    assert_true(
        count_with("{\"tokenizer_class\":\"T5Tokenizer\",\"extra_ids\":9}", "<extra_id_42>") > 1);
    assert_true(count_with("{\"split_special_tokens\":true}", "</s>") > 1);
    assert_int_equal(
        1, count_with("{\"pad_token\":{\"content\":\"[NEW]\",\"lstrip\":true}}", "  [NEW]"));
    scratch_text("added_tokens.json", "{\"[NEW]\":700}");
    assert_int_equal(2, count_with("{}", "[NEW][NEW]"));
}

static void refuses_configurations(void **state)
{
    (void)state;
    static const struct {
        const char *config, *message;
    } cases[] = {
        {"{\"tokenizer_class\":\"XLNetTokenizer\"}", "tokenizer_class: XLNetTokenizer with"},
        {"{\"tokenizer_class\":3}", "tokenizer_config.json: tokenizer_class: expected text"},
        {"{\"tokenizer_class\":\"T5Tokenizer\",\"extra_ids\":-1}", "extra_ids: expected a number"},
        {"{\"tokenizer_class\":\"T5Tokenizer\",\"extra_ids\":1e9}", "extra_ids: expected a number"},
        {"{\"tokenizer_class\":\"T5Tokenizer\",\"additional_special_tokens\":[\"<extra_id_0>\"]}",
         "extra_ids: 100, but additional_special_tokens has 1"},
        {"{\"legacy\":\"no\"}", "tokenizer_config.json: legacy: expected true or false"},
        {"{\"added_tokens_decoder\":{\"x\":{\"content\":\"y\"}}}",
         "added_tokens_decoder: x: expected"},
        {"{\"added_tokens_decoder\":{\"5\":{\"content\":\"[NEW]\"}}}", "id 5 is also that of"},
        {"{\"added_tokens_decoder\":{\"5\":{\"content\":\"</s>\"}}}", "'</s>' has another id"},
        {"{\"added_tokens_decoder\":{\"500\":{\"content\":\"y\",\"single_word\":true}}}",
         "500: single_word: true is not supported"},
        {"{\"tokenizer_class\":\"LlamaTokenizer\"}", "add_bos_token: there is no bos_token"},
        {"[]", "tokenizer_config.json: expected a JSON object"},
    };
    copy_as("t5/spiece.model", "spiece.model");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(0, count_with(cases[i].config, "x"));
        expect_error(cases[i].message);
    }
    assert_true(count_with("{}", "x") > 0);
    scratch_text("added_tokens.json", "{\"y\":\"z\"}");
    assert_int_equal(0, count_with("{}", "x"));
    expect_error("added_tokens.json: y: expected an id");
}

/* Saved and opened again it is the same; tokenizer.json goes first. */
static void saves_what_it_read(void **state)
{
    (void)state;
    char *path = tw_format("%s/" FIXTURES "/t5", home);
    tw_tokenizer *first = tw_tokenizer_open(path);
    assert_non_null(first);
    assert_int_equal(0, tw_tokenizer_save(first, "."));
    tw_tokenizer *second = tw_tokenizer_open(".");
    assert_non_null(second);
    assert_int_equal(tw_tokenizer_size(first), tw_tokenizer_size(second));
    assert_int_equal(tw_tokenizer_find(first, "<tag>"), tw_tokenizer_find(second, "<tag>"));
    assert_int_equal(1, tw_tokenizer_after(second)->count);
    scratch_text("tokenizer.json", "{}");
    assert_null(tw_tokenizer_open("."));
    expect_error("tokenizer.json: model: expected");
    tw_tokenizer_free(second);
    tw_tokenizer_free(first);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_as_transformers),
        cmocka_unit_test(decodes_as_transformers),
        cmocka_unit_test(knows_special_tokens),
        cmocka_unit_test(survives_any_bytes),
        cmocka_unit_test_setup_teardown(heeds_the_configuration, scratch_enter, scratch_leave),
        cmocka_unit_test_setup_teardown(refuses_configurations, scratch_enter, scratch_leave),
        cmocka_unit_test_setup_teardown(saves_what_it_read, scratch_enter, scratch_leave),
    };
    home = getcwd(NULL, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(home);
    return failed;
}
