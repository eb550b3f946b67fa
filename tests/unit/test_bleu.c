/* BLEU, chrF and the tokenizer 13a against what sacrebleu records (tests/oracle/bleu.py),
 * sentences and corpora; the n-grams they count against counting by comparison. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/rng.h"
#include "metric/bootstrap.h"
#include "metric/judge.h"
#include "recorded.h"

/* The recorded values, up to 100, have nine digits. */
#define TOLERANCE 1e-8

enum { BLEU_AND_CHRF = TW_METRIC_BIT(TW_BLEU) | TW_METRIC_BIT(TW_CHRF) };

static json_t *recorded, *texts; /* bleu.json; the pairs of metrics.json */

static int load(void **state)
{
    (void)state;
    recorded = json_load_file("tests/fixtures/bleu.json", JSON_ALLOW_NUL, NULL);
    texts = json_load_file("tests/fixtures/metrics.json", JSON_ALLOW_NUL, NULL);
    return recorded && texts ? 0 : -1;
}

static int unload(void **state)
{
    (void)state;
    json_decref(recorded);
    json_decref(texts);
    return 0;
}

/* Judges one pair; adds its counts to counts[TW_COUNTS]. */
static void judge_pair(tw_judge *judge, const json_t *pair, double *values, double *counts)
{
    const json_t *reference = field(pair, "reference"), *candidate = field(pair, "candidate");
    tw_judge_reference(judge, json_string_value(reference), json_string_length(reference));
    assert_int_equal(
        tw_judge_text(judge, json_string_value(candidate), json_string_length(candidate), values),
        0);
    for (size_t i = 0; i < TW_COUNTS; i++)
        counts[i] += tw_judge_counts(judge)[i];
}

static void check_pair(tw_judge *judge, const json_t *pair, const json_t *wanted)
{
    double values[TW_METRICS], counts[TW_COUNTS] = {0};
    char *what = json_dumps(pair, JSON_COMPACT);
    judge_pair(judge, pair, values, counts);
    check_close(number_at(wanted, 0), values[TW_BLEU], 100, TOLERANCE, what);
    check_close(number_at(wanted, 1), values[TW_CHRF], 100, TOLERANCE, what);
    free(what);
}

static void test_sentences(void **state)
{
    (void)state;
    size_t i;
    json_t *pair, *pairs = json_object_get(texts, "pairs"), *odd = json_object_get(recorded, "odd");
    tw_judge *judge = tw_judge_new(BLEU_AND_CHRF, true, NULL);
    assert_true(json_array_size(pairs) >= 500);
    assert_int_equal(json_array_size(pairs), json_array_size(field(recorded, "values")));
    json_array_foreach(pairs, i, pair)
    {
        check_pair(judge, pair, json_array_get(field(recorded, "values"), i));
    }
    assert_true(json_array_size(odd) >= 200);
    json_array_foreach(odd, i, pair)
    {
        check_pair(judge, pair, field(pair, "values"));
    }
    tw_judge_free(judge);
}

static void test_words(void **state)
{
    (void)state;
    size_t i, k;
    json_t *pair, *word;
    tw_words words = {0};
    tw_lexicon *lexicon = tw_lexicon_new(NULL);
    json_array_foreach(json_object_get(recorded, "odd"), i, pair)
    {
        const json_t *text = field(pair, "reference");
        tw_words_bleu(&words, lexicon, json_string_value(text), json_string_length(text));
        assert_int_equal(words.count, json_array_size(field(pair, "words")));
        json_array_foreach(json_object_get(pair, "words"), k, word)
        {
            size_t length;
            const char *found = tw_lexicon_text(lexicon, words.ids[k], &length);
            assert_int_equal(length, json_string_length(word));
            assert_memory_equal(found, json_string_value(word), length);
        }
    }
    tw_words_free(&words);
    tw_lexicon_free(lexicon);
}

static void check_corpus(const double *counts, const json_t *wanted)
{
    check_close(number_at(wanted, 0), tw_bleu_corpus(counts + TW_COUNTS_BLEU), 100, TOLERANCE,
                "corpus bleu");
    check_close(number_at(wanted, 1), tw_chrf(counts + TW_COUNTS_CHRF), 100, TOLERANCE,
                "corpus chrf");
}

static void test_corpora(void **state)
{
    (void)state;
    size_t i;
    json_t *corpus;
    double values[TW_METRICS];
    tw_judge *judge = tw_judge_new(BLEU_AND_CHRF, true, NULL);
    json_array_foreach(json_object_get(recorded, "corpora"), i, corpus)
    {
        double counts[TW_COUNTS] = {0};
        const size_t first = (size_t)json_integer_value(field(corpus, "first"));
        const size_t count = (size_t)json_integer_value(field(corpus, "count"));
        for (size_t p = first; p < first + count; p++)
            judge_pair(judge, json_array_get(field(texts, "pairs"), p), values, counts);
        check_corpus(counts, field(corpus, "values"));
    }
    assert_true(i >= 8);
    json_array_foreach(json_object_get(recorded, "short"), i, corpus)
    {
        double counts[TW_COUNTS] = {0};
        judge_pair(judge, corpus, values, counts);
        check_corpus(counts, field(corpus, "values"));
    }
    assert_true(i >= 6);
    tw_judge_free(judge);
}

/* Each n-gram of the candidate takes the first equal one that is left. */
static size_t slow_matches(const int32_t *a, size_t n, const int32_t *b, size_t m, size_t order)
{
    size_t matches = 0;
    bool taken[64] = {false};
    for (size_t j = 0; j + order <= m; j++)
        for (size_t i = 0; i + order <= n; i++)
            if (!taken[i] && memcmp(a + i, b + j, order * sizeof *a) == 0) {
                taken[i] = true;
                matches++;
                break;
            }
    return matches;
}

static void test_ngrams(void **state)
{
    (void)state;
    enum { ORDERS = 6 };
    tw_ngrams scratch = {0};
    int32_t a[64], b[64];
    for (uint32_t round = 0; round < 400; round++) {
        const size_t n = tw_random(1, TW_RNG_SAMPLE, round, 0, 0) % 64;
        const size_t m = tw_random(1, TW_RNG_SAMPLE, round, 0, 1) % 64;
        const uint64_t letters = 1 + round % 4;
        for (uint32_t i = 0; i < 64; i++) {
            a[i] = (int32_t)(tw_random(1, TW_RNG_SAMPLE, round, 1, i) % letters);
            b[i] = (int32_t)(tw_random(1, TW_RNG_SAMPLE, round, 2, i) % letters);
        }
        size_t matches[ORDERS];
        tw_ngram_matches(&scratch, a, n, b, m, ORDERS, matches);
        for (size_t order = 1; order <= ORDERS; order++)
            assert_int_equal(matches[order - 1], slow_matches(a, n, b, m, order));
    }
    tw_ngrams_free(&scratch);
}

static double quotient(const double *sums)
{
    return sums[0] / sums[1];
}

/* A figure that is the quotient of two sums is a weighted mean. */
static void test_figure_bounds(void **state)
{
    (void)state;
    enum { ROWS = 300 };
    double values[3 * ROWS], weights[3 * ROWS], plain[ROWS], plain_weights[ROWS];
    for (int i = 0; i < ROWS; i++) {
        const double value = tw_uniform(3, TW_RNG_SPLIT, (uint64_t)i, 0, 0);
        const double weight = 1 + (double)(i % 5);
        const bool counts = i % 7 != 0;
        const double row[] = {7, counts ? value * weight : NAN, counts ? weight : NAN};
        memcpy(values + (size_t)3 * (size_t)i, row, sizeof row);
        for (int c = 0; c < 3; c++)
            weights[3 * i + c] = counts;
        plain[i] = value;
        plain_weights[i] = counts ? weight : 0;
    }
    tw_interval mean;
    tw_bootstrap(plain, plain_weights, ROWS, 1, 5, &mean);
    const tw_interval found = tw_bootstrap_figure(values, weights, ROWS, 3, 1, 2, 5, quotient);
    check_close(mean.mean, found.mean, 1, 1e-12, "mean");
    check_close(mean.low, found.low, 1, 1e-12, "low");
    check_close(mean.high, found.high, 1, 1e-12, "high");
    assert_true(found.low < found.mean && found.mean < found.high);
    assert_true(isnan(tw_bootstrap_figure(NULL, NULL, 0, 3, 1, 2, 5, quotient).mean));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sentences),     cmocka_unit_test(test_words),
        cmocka_unit_test(test_corpora),       cmocka_unit_test(test_ngrams),
        cmocka_unit_test(test_figure_bounds),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
