/* Bootstrap bounds, ranks, diversity and the choice of metrics. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/rng.h"
#include "metric/bootstrap.h"
#include "metric/diversity.h"
#include "metric/judge.h"
#include "metric/lexicon.h"
#include "metric/ranks.h"

enum { ROWS = 4000 };

static void test_bootstrap_normal(void **state)
{
    (void)state;
    /* Two columns; the second counts the first half alone. */
    double *values = tw_alloc(2 * ROWS, sizeof *values);
    double *weights = tw_alloc(2 * ROWS, sizeof *weights);
    double mean = 0, square = 0, half = 0;
    for (int i = 0; i < ROWS; i++) {
        const double x = tw_uniform(5, TW_RNG_SPLIT, (uint64_t)i, 0, 0);
        values[2 * i] = x;
        values[2 * i + 1] = i < ROWS / 2 ? x : NAN;
        weights[2 * i] = 1;
        weights[2 * i + 1] = i < ROWS / 2 ? 3 : 0;
        mean += x / ROWS;
        square += x * x / ROWS;
        half += i < ROWS / 2 ? 2 * x / ROWS : 0;
    }
    tw_interval both[2], again[2], other[2];
    tw_bootstrap(values, weights, ROWS, 2, 1, both);
    tw_bootstrap(values, weights, ROWS, 2, 1, again);
    tw_bootstrap(values, weights, ROWS, 2, 2, other);
    assert_memory_equal(both, again, sizeof both);
    assert_true(both[0].low != other[0].low);
    /* The bounds are those of the normal approximation; over 1,000 resamples
     * their own deviation is about 4 % of the half width, so 15 % is rare. */
    const double reach = 1.96 * sqrt((square - mean * mean) / ROWS);
    assert_true(fabs(both[0].mean - mean) < 1e-12);
    assert_true(fabs(both[1].mean - half) < 1e-12);
    assert_true(fabs(both[0].low - (mean - reach)) < 0.15 * reach);
    assert_true(fabs(both[0].high - (mean + reach)) < 0.15 * reach);
    /* Half the rows: wider by sqrt(2). */
    const double width = both[1].high - both[1].low;
    assert_true(fabs(width / (both[0].high - both[0].low) - sqrt(2)) < 0.2);
    free(values);
    free(weights);
}

static void test_bootstrap_edges(void **state)
{
    (void)state;
    const double one[] = {7, NAN}, weight[] = {2, 0};
    tw_interval out[2];
    tw_bootstrap(one, weight, 1, 2, 0, out);
    assert_true(out[0].mean == 7 && out[0].low == 7 && out[0].high == 7);
    assert_true(isnan(out[1].mean) && isnan(out[1].low) && isnan(out[1].high));
    tw_bootstrap(NULL, NULL, 0, 1, 0, out);
    assert_true(isnan(out[0].mean));
    /* One row of three has weight; resamples without it are left out. */
    const double values[] = {NAN, 5, NAN}, weights[] = {0, 1, 0};
    tw_bootstrap(values, weights, 3, 1, 9, out);
    assert_true(out[0].mean == 5 && out[0].low == 5 && out[0].high == 5);
}

/* By the definition, for each sample afresh. */
static size_t slow_rank(const double *scores, size_t count, size_t i)
{
    size_t better = 0;
    for (size_t j = 0; j < count; j++)
        better += scores[j] > scores[i];
    return better + 1;
}

static void test_ranks(void **state)
{
    (void)state;
    double scores[100];
    size_t ranks[100];
    for (uint32_t round = 0; round < 50; round++) {
        const size_t count = 1 + round * 2;
        for (size_t i = 0; i < count; i++)
            scores[i] = (double)(tw_random(1, TW_RNG_TIES, round, 0, (uint32_t)i) % 20);
        tw_ranks(scores, count, 0, ranks);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(ranks[i], slow_rank(scores, count, i));
    }
}

static void test_rank_ties(void **state)
{
    (void)state;
    size_t ranks[5];
    const double chain[] = {1.0, 0.5, 0.75, 0.25, 0.0};
    const size_t within[] = {1, 3, 1, 3, 5}; /* 0.75 joins 1.0; 0.5 is too far from 1.0 */
    tw_ranks(chain, 5, 0.25, ranks);
    assert_memory_equal(ranks, within, sizeof ranks);
    const double equal[] = {2, 2, 2};
    const size_t all_first[] = {1, 1, 1};
    tw_ranks(equal, 3, 0, ranks);
    assert_memory_equal(ranks, all_first, sizeof all_first);
    tw_ranks(chain, 0, 0, ranks);
}

/* Distinct n-grams counted by comparing all with all. */
static double slow_distinct(const int32_t *ids, size_t count, size_t n)
{
    size_t distinct = 0;
    for (size_t i = 0; i + n <= count; i++) {
        bool seen = false;
        for (size_t j = 0; j < i && !seen; j++)
            seen = memcmp(ids + i, ids + j, n * sizeof *ids) == 0;
        distinct += !seen;
    }
    return count < n ? 1 : (double)distinct / (double)(count - n + 1);
}

static void test_distinct(void **state)
{
    (void)state;
    tw_diversity scratch = {0};
    for (uint32_t count = 0; count < 60; count++) {
        int32_t ids[60];
        for (uint32_t i = 0; i < count; i++)
            ids[i] = (int32_t)(tw_random(2, TW_RNG_SAMPLE, count, 0, i) % 3);
        const tw_words words = {.ids = ids, .count = count};
        for (int n = 1; n <= 4; n *= 2)
            assert_true(tw_distinct(&scratch, &words, n) == slow_distinct(ids, count, (size_t)n));
    }
    tw_diversity_free(&scratch);
}

static void test_metric_list(void **state)
{
    (void)state;
    tw_metric list[TW_METRICS];
    assert_int_equal(tw_metric_list("rougeL,meteor", list), 2);
    assert_int_equal(list[0], TW_ROUGEL);
    assert_int_equal(list[1], TW_METEOR);
    const char *const bad[] = {"", "rouge", "meteor,", "meteor,,length", "ROUGE1", "meteor rouge1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(tw_metric_list(bad[i], list), -1);
        assert_non_null(strstr(tw_error(), "there are meteor"));
    }
    assert_int_equal(tw_metric_list("length,length", list), -1);
    assert_non_null(strstr(tw_error(), "twice"));
}

static void test_judge(void **state)
{
    (void)state;
    double values[TW_METRICS] = {0};
    const unsigned all = (1U << TW_METRICS) - 1;
    tw_judge *judge = tw_judge_new(all, true, NULL);
    const char *text = "the cats sat . the cats sat .";
    tw_judge_reference(judge, text, strlen(text));
    assert_int_equal(tw_judge_text(judge, text, strlen(text), values), 0);
    assert_true(values[TW_ROUGE1] == 100 && values[TW_ROUGE2] == 100 && values[TW_ROUGEL] == 100 &&
                values[TW_ROUGELSUM] == 100);
    /* All eight words in one chunk: 1 - 0.5 / 8^3. */
    assert_true(fabs(values[TW_METEOR] - 100 * (1 - 0.5 / 512)) < 1e-9);
    assert_true(values[TW_LENGTH] == 8 && values[TW_DISTINCT1] == 50);
    assert_true(fabs(values[TW_DISTINCT2] - 400.0 / 7) < 1e-9);
    assert_true(fabs(values[TW_REPETITION] - 20) < 1e-9);
    assert_int_equal(tw_judge_text(judge, "", 0, values), 0);
    assert_true(values[TW_METEOR] == 0 && values[TW_ROUGE1] == 0 && values[TW_LENGTH] == 0);
    tw_judge_free(judge);
    /* Without stems "cat" is not "cats". */
    judge = tw_judge_new(TW_METRIC_BIT(TW_ROUGE1), false, NULL);
    tw_judge_reference(judge, "cats", 4);
    values[TW_METEOR] = -1;
    assert_int_equal(tw_judge_text(judge, "cat", 3, values), 0);
    assert_true(values[TW_ROUGE1] == 0 && values[TW_METEOR] == -1);
    tw_judge_free(judge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bootstrap_normal),
        cmocka_unit_test(test_bootstrap_edges),
        cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_rank_ties),
        cmocka_unit_test(test_distinct),
        cmocka_unit_test(test_metric_list),
        cmocka_unit_test(test_judge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
