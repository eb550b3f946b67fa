/* SentencePiece's BPE word by word, against the library on the whole text. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/memory.h"
#include "core/rng.h"
#include "text/list.h"
#include "text/spiece-words.h"

static tw_sentencepiece *load(const char *bytes, size_t size, bool prefix)
{
    /* normalizer_spec.add_dummy_prefix = false behind the file */
    static const char none[] = {0x1A, 0x02, 0x18, 0x00};
    tw_bytes whole = {0};
    tw_bytes_put(&whole, bytes, size);
    tw_bytes_put(&whole, none, prefix ? 0 : sizeof none);
    tw_sentencepiece *model = tw_sentencepiece_load(whole.data, whole.length);
    assert_non_null(model);
    free(whole.data);
    return model;
}

static void compare(const tw_sentencepiece *model, const tw_spiece_words *words, const char *text,
                    size_t length)
{
    tw_ids expected = {0};
    tw_id_list found = {0};
    assert_int_equal(0, tw_sentencepiece_encode(model, text, length, &expected));
    assert_int_equal(0, tw_spiece_words_encode(words, text, length, &found));
    assert_int_equal(expected.count, found.count);
    for (size_t i = 0; i < found.count; i++)
        assert_int_equal(expected.ids[i], found.data[i]);
    free(expected.ids);
    free(found.data);
}

/* Text of parts that make trouble, and of any bytes. */
static void put_part(tw_bytes *text, uint64_t run, uint32_t i)
{
    static const char *const parts[] = {" ",      "  ",   "a",  "the",     "return",
                                        "\u2581", "日本", "é",  "e\u0301", "<0x41>",
                                        "</s>",   "\n",   "42", "😀"};
    enum { PARTS = sizeof parts / sizeof *parts };
    uint64_t draw = tw_random(3, TW_RNG_SAMPLE, run, 0, i);
    const char *part = parts[draw % PARTS];
    if (draw >> 32 & 7)
        tw_bytes_put(text, part, strlen(part));
    else
        tw_bytes_put(text, &(char){(char)(draw >> 40)}, 1);
}

static void does_as_the_library(void **state)
{
    (void)state;
    static const char *const texts[] = {"",   " ",   "  ",         " a",
                                        "a ", "a  ", "\xE6\x97 a", "\x80 \xC3"};
    size_t size = 0;
    char *bytes = tw_read_file("tests/fixtures/folders/llama2/tokenizer.model", 1 << 20, &size);
    assert_non_null(bytes);
    for (int prefix = 0; prefix < 2; prefix++) {
        tw_sentencepiece *model = load(bytes, size, prefix);
        tw_spiece_words *words = tw_spiece_words_new(model, bytes, size, prefix);
        assert_non_null(words);
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
            compare(model, words, texts[i], strlen(texts[i]));
        for (uint64_t run = 0; run < 3000; run++) {
            tw_bytes text = {0};
            for (uint32_t i = 0; i < run % 60; i++)
                put_part(&text, run, i);
            compare(model, words, text.data ? text.data : "", text.length);
            free(text.data);
        }
        tw_spiece_words_free(words);
        tw_sentencepiece_free(model);
    }
    free(bytes);
}

static void leaves_others_to_the_library(void **state)
{
    (void)state;
    static const char *const others[] = {"tests/fixtures/folders/t5/spiece.model",
                                         "tests/fixtures/unigram/spiece.model"};
    for (size_t i = 0; i < 2; i++) {
        size_t size = 0;
        char *bytes = tw_read_file(others[i], 1 << 20, &size);
        assert_non_null(bytes);
        tw_sentencepiece *model = load(bytes, size, true);
        assert_null(tw_spiece_words_new(model, bytes, size, true));
        tw_sentencepiece_free(model);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(does_as_the_library),
        cmocka_unit_test(leaves_others_to_the_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
