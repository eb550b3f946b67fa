/* SentencePiece's BPE word by word, and its Unigram, against the library on the whole text. */

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
#include "text/spiece-unigram.h"
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

/* By the one of words and unigram that there is. */
static void compare(const tw_sentencepiece *model, const tw_spiece_words *words,
                    const tw_spiece_unigram *unigram, const char *text, size_t length)
{
    tw_ids expected = {0};
    tw_id_list found = {0};
    assert_int_equal(0, tw_sentencepiece_encode(model, text, length, &expected));
    assert_int_equal(0, words ? tw_spiece_words_encode(words, text, length, &found)
                              : tw_spiece_unigram_encode(unigram, text, length, &found));
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

static void compare_all(const tw_sentencepiece *model, const tw_spiece_words *words,
                        const tw_spiece_unigram *unigram)
{
    static const char *const texts[] = {
        "",           " ",         "  ",   " a",     "a ",       "a  ",         "a  b",
        "\xE6\x97 a", "\x80 \xC3", "\x01", "\x01 a", " \u3000a", "ﬁ①½ e\u0301", "a\u200b \u00ad"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        compare(model, words, unigram, texts[i], strlen(texts[i]));
    for (uint64_t run = 0; run < 3000; run++) {
        tw_bytes text = {0};
        for (uint32_t i = 0; i < run % 60; i++)
            put_part(&text, run, i);
        compare(model, words, unigram, text.data ? text.data : "", text.length);
        free(text.data);
    }
}

static const char *const unigrams[] = {"tests/fixtures/folders/t5/spiece.model",
                                       "tests/fixtures/unigram/spiece.model"};
static const char *const llama2 = "tests/fixtures/folders/llama2/tokenizer.model";

static void bpe_does_as_the_library(void **state)
{
    (void)state;
    size_t size = 0;
    char *bytes = tw_read_file(llama2, 1 << 20, &size);
    assert_non_null(bytes);
    for (int prefix = 0; prefix < 2; prefix++) {
        tw_sentencepiece *model = load(bytes, size, prefix);
        tw_spiece_words *words = tw_spiece_words_new(model, bytes, size, prefix);
        assert_non_null(words);
        assert_null(tw_spiece_unigram_new(model, bytes, size, prefix));
        compare_all(model, words, NULL);
        tw_spiece_words_free(words);
        tw_sentencepiece_free(model);
    }
    free(bytes);
}

static void unigram_does_as_the_library(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        size_t size = 0;
        char *bytes = tw_read_file(unigrams[i / 2], 1 << 20, &size);
        assert_non_null(bytes);
        tw_sentencepiece *model = load(bytes, size, i % 2);
        tw_spiece_unigram *unigram = tw_spiece_unigram_new(model, bytes, size, i % 2);
        assert_non_null(unigram);
        assert_null(tw_spiece_words_new(model, bytes, size, i % 2));
        compare_all(model, NULL, unigram);
        tw_spiece_unigram_free(unigram);
        tw_sentencepiece_free(model);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bpe_does_as_the_library),
        cmocka_unit_test(unigram_does_as_the_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
