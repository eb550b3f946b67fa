/* Stems, synonyms, ROUGE and METEOR against what NLTK and rouge_score record
 * (tests/oracle/metrics.py). Synonyms and METEOR read the installed WordNet. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <jansson.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "metric/lexicon.h"
#include "metric/meteor.h"
#include "metric/porter.h"
#include "metric/rouge.h"
#include "metric/unicode.h"
#include "metric/wordnet.h"
#include "metric/words.h"

/* The recorded values have nine digits. */
#define TOLERANCE 1e-8

static json_t *recorded;
static tw_wordnet *wordnet;

static int load(void **state)
{
    (void)state;
    json_error_t error;
    recorded = json_load_file("tests/fixtures/metrics.json", 0, &error);
    wordnet = tw_wordnet_open(NULL);
    if (!recorded || !wordnet)
        print_error("%s\n", recorded ? tw_error() : error.text);
    return recorded && wordnet ? 0 : -1;
}

static int unload(void **state)
{
    (void)state;
    json_decref(recorded);
    tw_wordnet_close(wordnet);
    return 0;
}

static const char *text_of(const json_t *pair, const char *name, size_t *length)
{
    const json_t *value = json_object_get(pair, name);
    *length = json_string_length(value);
    return json_string_value(value);
}

static void close_to(double got, const json_t *wanted, const char *what, const json_t *pair)
{
    const double value = json_number_value(wanted);
    if (!(fabs(got - value) <= TOLERANCE)) {
        char *text = json_dumps(pair, JSON_COMPACT | JSON_ENCODE_ANY);
        fail_msg("%s is %.12g, recorded %.12g: %s", what, got, value, text);
    }
}

static void test_stems(void **state)
{
    (void)state;
    const char *word;
    json_t *wanted;
    size_t count = 0;
    json_object_foreach(json_object_get(recorded, "stems"), word, wanted)
    {
        char stem[256];
        const size_t length = tw_porter_stem(word, strlen(word), stem);
        stem[length] = '\0';
        if (strcmp(stem, json_string_value(wanted)) != 0)
            fail_msg("%s: %s, recorded %s", word, stem, json_string_value(wanted));
        count++;
    }
    assert_true(count > 2000);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void test_synonyms(void **state)
{
    (void)state;
    const char *word;
    json_t *wanted;
    size_t found = 0;
    tw_lexicon *lexicon = tw_lexicon_new(wordnet);
    json_object_foreach(json_object_get(recorded, "synonyms"), word, wanted)
    {
        size_t count, length;
        const int32_t id = tw_lexicon_id(lexicon, word, strlen(word));
        const int32_t *ids = tw_lexicon_synonyms(lexicon, id, &count);
        char **names = calloc(count + 1, sizeof *names);
        assert_non_null(names);
        for (size_t i = 0; i < count; i++) {
            const char *name = tw_lexicon_text(lexicon, ids[i], &length);
            names[i] = strndup(name, length);
        }
        qsort(names, count, sizeof *names, by_name);
        assert_int_equal(count, json_array_size(wanted));
        for (size_t i = 0; i < count; i++) {
            assert_string_equal(names[i], json_string_value(json_array_get(wanted, i)));
            free(names[i]);
        }
        free(names);
        found += count;
    }
    assert_true(found > 1000);
    tw_lexicon_free(lexicon);
}

static void check_score(tw_rouge_score got, const json_t *wanted, const char *what,
                        const json_t *pair)
{
    close_to(got.precision, json_array_get(wanted, 0), what, pair);
    close_to(got.recall, json_array_get(wanted, 1), what, pair);
    close_to(got.f1, json_array_get(wanted, 2), what, pair);
}

static void check_rouge(tw_rouge *rouge, tw_lexicon *lexicon, const json_t *pair, bool stem)
{
    tw_words reference = {0}, candidate = {0};
    tw_rouge_score score;
    size_t length;
    const json_t *wanted = json_object_get(pair, stem ? "rouge_stemmed" : "rouge");
    const char *text = text_of(pair, "reference", &length);
    tw_words_rouge(&reference, lexicon, text, length, stem);
    text = text_of(pair, "candidate", &length);
    tw_words_rouge(&candidate, lexicon, text, length, stem);
    score = tw_rouge_n(rouge, &reference, &candidate, 1);
    check_score(score, json_array_get(wanted, 0), "rouge1", pair);
    score = tw_rouge_n(rouge, &reference, &candidate, 2);
    check_score(score, json_array_get(wanted, 1), "rouge2", pair);
    assert_int_equal(tw_rouge_l(rouge, &reference, &candidate, &score), 0);
    check_score(score, json_array_get(wanted, 2), "rougeL", pair);
    assert_int_equal(tw_rouge_lsum(rouge, &reference, &candidate, &score), 0);
    check_score(score, json_array_get(wanted, 3), "rougeLsum", pair);
    tw_words_free(&reference);
    tw_words_free(&candidate);
}

static void test_rouge(void **state)
{
    (void)state;
    size_t i;
    json_t *pair, *pairs = json_object_get(recorded, "pairs");
    tw_rouge *rouge = tw_rouge_new();
    tw_lexicon *lexicon = tw_lexicon_new(NULL);
    assert_true(json_array_size(pairs) >= 500);
    json_array_foreach(pairs, i, pair)
    {
        check_rouge(rouge, lexicon, pair, false);
        check_rouge(rouge, lexicon, pair, true);
    }
    tw_lexicon_free(lexicon);
    tw_rouge_free(rouge);
}

static void test_meteor(void **state)
{
    (void)state;
    size_t i;
    json_t *pair;
    tw_meteor *meteor = tw_meteor_new();
    tw_lexicon *lexicon = tw_lexicon_new(wordnet);
    tw_words reference = {0}, candidate = {0};
    json_array_foreach(json_object_get(recorded, "pairs"), i, pair)
    {
        size_t length;
        const char *text = text_of(pair, "reference", &length);
        tw_words_meteor(&reference, lexicon, text, length);
        text = text_of(pair, "candidate", &length);
        tw_words_meteor(&candidate, lexicon, text, length);
        close_to(tw_meteor_score(meteor, lexicon, &reference, &candidate),
                 json_object_get(pair, "meteor"), "meteor", pair);
    }
    tw_words_free(&reference);
    tw_words_free(&candidate);
    tw_lexicon_free(lexicon);
    tw_meteor_free(meteor);
}

/* A lexicon that forgets in between gives the same values as one that does not. */
static void test_trim(void **state)
{
    (void)state;
    tw_lexicon *lexicon = tw_lexicon_new(NULL);
    char word[32];
    int forgot = 0;
    for (int i = 0; i < 200000; i++) {
        const int length = snprintf(word, sizeof word, "%dings", i);
        const int32_t id = tw_lexicon_id(lexicon, word, (size_t)length);
        const int32_t stem = tw_lexicon_stem(lexicon, id);
        size_t stem_length;
        const char *text = tw_lexicon_text(lexicon, stem, &stem_length);
        word[length - 1] = '\0';
        assert_int_equal(stem_length, (size_t)length - 1);
        assert_memory_equal(text, word, stem_length);
        assert_int_equal(tw_lexicon_id(lexicon, word, stem_length), stem);
        forgot += tw_lexicon_trim(lexicon);
    }
    assert_in_range(forgot, 5, 7); /* 400,000 words, 65,537 at a time */
    tw_lexicon_free(lexicon);
}

static void test_utf8(void **state)
{
    (void)state;
    char text[TW_UTF8_MAX];
    for (uint32_t c = 0; c < 0x110000; c++) {
        if (c >= 0xD800 && c <= 0xDFFF)
            continue;
        const size_t length = tw_utf8_put(text, c);
        const char *at = text;
        assert_int_equal(tw_utf8_next(&at, text + length), c);
        assert_ptr_equal(at, text + length);
    }
    /* Surrogate, overlong, stray, beyond U+10FFFF, cut short: one byte each time. */
    const char *const bad[] = {"\xED\xA0\x80", "\xC0\x80", "\x80", "\xF4\x90\x80\x80", "\xE2\x82"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *at = bad[i];
        assert_int_equal(tw_utf8_next(&at, bad[i] + strlen(bad[i])), TW_BAD_CHARACTER);
        assert_ptr_equal(at, bad[i] + 1);
    }
}

/* What Python's str.lower() makes of single characters, in whatever locale. */
static void test_lower(void **state)
{
    (void)state;
    static const uint32_t pairs[][2] = {
        {'A', 'a'},         {'a', 'a'},         {'[', '['},       {0xC4, 0xE4},
        {0x178, 0xFF},      {0x1C4, 0x1C6},     {0x1C5, 0x1C6},   {0x3A3, 0x3C3},
        {0x410, 0x430},     {0x10A0, 0x2D00},   {0x13A0, 0xAB70}, {0x1C90, 0x10D0},
        {0x1E9E, 0xDF},     {0x2126, 0x3C9},    {0x212A, 0x6B},   {0x2160, 0x2170},
        {0x24B6, 0x24D0},   {0xA7AE, 0x26A},    {0xFF21, 0xFF41}, {0x10400, 0x10428},
        {0x118A0, 0x118C0}, {0x1E900, 0x1E922}, {0x65E5, 0x65E5}, {0xDF, 0xDF},
        {0x131, 0x131},     {0x1D400, 0x1D400}, {0xFFFD, 0xFFFD}};
    static const char *const locales[] = {"C", "C.UTF-8", "tr_TR.UTF-8", "POSIX"};
    for (size_t l = 0; l < sizeof locales / sizeof *locales; l++) {
        setlocale(LC_ALL, locales[l]); /* where it is there */
        for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
            assert_int_equal(pairs[i][1], tw_lower(pairs[i][0]));
    }
    setlocale(LC_ALL, "C");
}

static void test_word_count(void **state)
{
    (void)state;
    assert_int_equal(tw_words_count("", 0), 0);
    assert_int_equal(tw_words_count(" \t\n", 3), 0);
    assert_int_equal(tw_words_count("one", 3), 1);
    assert_int_equal(tw_words_count(" one, two\nthree ", 16), 3);
}

static void test_wordnet_missing(void **state)
{
    (void)state;
    assert_null(tw_wordnet_open("/nonexistent"));
    assert_non_null(strstr(tw_error(), "/nonexistent/index.noun"));
    assert_non_null(strstr(tw_error(), "apt install wordnet-base"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stems),
        cmocka_unit_test(test_synonyms),
        cmocka_unit_test(test_rouge),
        cmocka_unit_test(test_meteor),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_lower),
        cmocka_unit_test(test_word_count),
        cmocka_unit_test(test_wordnet_missing),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
