/* Tokenizers of Hugging Face's files against what its `tokenizers` records
 * (tests/oracle/json_tokenizer.py), and by what must hold of any. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/rng.h"
#include "recorded.h"
#include "recorded_tokenizers.h"
#include "text/json-tokenizer.h"
#include "text/utf8.h"

#define FIXTURES "tests/fixtures/tokenizers"

static const char *const kinds[] = {"gpt2", "merges", "roberta", "llama3", "qwen2", "llama2"};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void encodes_as_tokenizers(void **state)
{
    (void)state;
    json_t *all = load_recorded(FIXTURES "/recorded.json");
    const json_t *lines = field(all, "lines");
    assert_true(json_array_size(lines) >= 250);
    for (size_t k = 0; k < KINDS; k++) {
        tw_tokenizer *tokenizer = open_tokenizer(FIXTURES, kinds[k]);
        const json_t *ids = field(field(all, kinds[k]), "ids");
        assert_int_equal(json_array_size(lines), json_array_size(ids));
        /* The second time words come from the cache. */
        for (int pass = 0; pass < 2; pass++)
            for (size_t i = 0; i < json_array_size(lines); i++)
                if (!json_is_null(json_array_get(ids, i))) /* recorded */
                    check_encoded(tokenizer, kinds[k], i, json_array_get(lines, i),
                                  json_array_get(ids, i));
        tw_tokenizer_free(tokenizer);
    }
    json_decref(all);
}

static void decodes_as_tokenizers(void **state)
{
    (void)state;
    json_t *all = load_recorded(FIXTURES "/recorded.json");
    const json_t *lines = field(all, "lines");
    for (size_t k = 0; k < KINDS; k++) {
        tw_tokenizer *tokenizer = open_tokenizer(FIXTURES, kinds[k]);
        const json_t *kind = field(all, kinds[k]), *fragments = field(kind, "fragments");
        assert_int_equal(json_integer_value(field(kind, "size")), tw_tokenizer_size(tokenizer));
        for (size_t i = 0; i < json_array_size(lines); i++) {
            const json_t *text = json_array_get(field(kind, "decoded"), i);
            if (json_is_null(json_array_get(field(kind, "ids"), i)))
                continue;
            check_decoded(tokenizer, kinds[k], i, json_array_get(field(kind, "ids"), i),
                          json_is_null(text) ? json_array_get(lines, i) : text);
        }
        for (size_t i = 0; i < json_array_size(fragments); i++) {
            const json_t *fragment = json_array_get(fragments, i);
            check_decoded(tokenizer, kinds[k], i, field(fragment, "ids"),
                          field(fragment, "decoded"));
        }
        tw_tokenizer_free(tokenizer);
    }
    json_decref(all);
}

static void knows_special_tokens(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *bos, *eos;
    } expected[] = {{"gpt2", "<|endoftext|>", "<|endoftext|>"},
                    {"merges", "<|endoftext|>", "<|endoftext|>"},
                    {"roberta", "<s>", "</s>"},
                    {"llama3", "<|begin_of_text|>", "<|end_of_text|>"},
                    {"llama2", "<s>", "</s>"},
                    {"qwen2", NULL, "<|im_end|>"}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        tw_tokenizer *tokenizer = open_tokenizer(FIXTURES, expected[i].kind);
        const char *bos = tw_tokenizer_piece(tokenizer, tw_tokenizer_bos(tokenizer));
        if (expected[i].bos)
            assert_string_equal(expected[i].bos, bos);
        else
            assert_null(bos);
        const int32_t eos = tw_tokenizer_eos(tokenizer);
        assert_string_equal(expected[i].eos, tw_tokenizer_piece(tokenizer, eos));
        char *text = tw_tokenizer_decode(tokenizer, &eos, 1);
        assert_string_equal("", text);
        free(text);
        assert_null(tw_tokenizer_piece(tokenizer, tw_tokenizer_size(tokenizer)));
        tw_tokenizer_free(tokenizer);
    }
}

static tw_json_tokenizer *open_json(const char *path)
{
    json_t *json = json_load_file(path, 0, NULL);
    tw_json_tokenizer *tokenizer = tw_json_tokenizer_new(json, NULL);
    json_decref(json);
    if (!tokenizer)
        fail_msg("%s: %s", path, tw_error());
    return tokenizer;
}

/* What the tokens stand for, end to end, is the text, whatever its bytes. */
static void check_bytes(const tw_json_tokenizer *tokenizer, const char *text, size_t length)
{
    tw_ids ids = {0};
    size_t at = 0, count = 0;
    assert_int_equal(0, tw_json_tokenizer_encode(tokenizer, text, length, &ids));
    for (size_t i = 0; i < ids.count; i++) {
        const char *bytes = tw_json_tokenizer_bytes(tokenizer, ids.ids[i], &count);
        assert_non_null(bytes);
        assert_true(count <= length - at);
        assert_memory_equal(text + at, bytes, count);
        at += count;
    }
    assert_int_equal(length, at);
    char *decoded = tw_json_tokenizer_decode(tokenizer, ids.ids, ids.count, &count);
    char *clean = tw_utf8_repair(text, length, &at);
    assert_int_equal(at, count);
    assert_memory_equal(clean, decoded, at);
    free(clean);
    free(decoded);
    free(ids.ids);
}

static void any_bytes_round_trip(void **state)
{
    (void)state;
    static const char *const paths[] = {FIXTURES "/llama3/tokenizer.json",
                                        FIXTURES "/gpt2/tokenizer.json"};
    for (size_t k = 0; k < 2; k++) {
        tw_json_tokenizer *tokenizer = open_json(paths[k]);
        for (uint64_t run = 0; run < 400; run++) {
            char text[64];
            size_t length = run % sizeof text;
            for (uint32_t i = 0; i < length; i++)
                text[i] = (char)tw_random(run % 4, TW_RNG_SAMPLE, run, 0, i);
            check_bytes(tokenizer, text, length);
        }
        check_bytes(tokenizer, "\xE6\x97 \xF0\x9F\x98 a\x80\x80z\xC3", 13);
        tw_json_tokenizer_free(tokenizer);
    }
}

/* Each of these would take hours in quadratic time. */
static void long_words_take_no_time(void **state)
{
    (void)state;
    enum { LONG = 1 << 20 };
    static const char *const units[] = {"a",
                                        " ",
                                        "the",
                                        "\n ",
                                        "'",
                                        "12",
                                        "\xE6\x97\xA5",
                                        "\x80",
                                        "\xCC\x81",
                                        "\xCC\x81\xCC\xA3",
                                        "<",
                                        "<mask> "};
    char *text = tw_alloc(LONG + 16, 1);
    for (size_t k = 0; k < KINDS; k++) {
        tw_tokenizer *tokenizer = open_tokenizer(FIXTURES, kinds[k]);
        for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
            size_t unit = strlen(units[i]), length = 0;
            for (; length < LONG; length += unit)
                memcpy(text + length, units[i], unit);
            tw_ids ids = {0};
            clock_t begin = clock();
            assert_int_equal(0, tw_tokenizer_encode(tokenizer, text, length, &ids));
            double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
            if (seconds > 20)
                fail_msg("%s: %.1f s for a word of '%s'", kinds[k], seconds, units[i]);
            free(ids.ids);
        }
        tw_tokenizer_free(tokenizer);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_as_tokenizers),   cmocka_unit_test(decodes_as_tokenizers),
        cmocka_unit_test(knows_special_tokens),    cmocka_unit_test(any_bytes_round_trip),
        cmocka_unit_test(long_words_take_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
