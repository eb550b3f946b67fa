/* The sampler against its definition: which tokens can be drawn, how often, and the
 * log-probability that is reported. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/rng.h"
#include "model/sampler.h"
#include "tensor/kernels/kernels.h"

enum { VOCABULARY = 40, DRAWS = 20000 };

static float logits[VOCABULARY];

static int setup(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < VOCABULARY; i++)
        logits[i] = (float)(2 * tw_normal(3, TW_RNG_INIT, 0, 0, i));
    return 0;
}

/* counts[VOCABULARY] of DRAWS tokens drawn with numbers spread evenly over [0, 1): then a
 * count is DRAWS times the probability to within one. */
static void count_draws(const tw_sampling *sampling, const int32_t *seen, size_t seen_count,
                        const tw_stops *forbidden, int *counts)
{
    tw_sampler sampler = {0};
    for (int i = 0; i < VOCABULARY; i++)
        counts[i] = 0;
    for (int i = 0; i < DRAWS; i++) {
        tw_draw drawn = tw_sample_token(&sampler, sampling, logits, VOCABULARY, seen, seen_count,
                                        forbidden, (i + 0.5) / DRAWS);
        counts[drawn.token]++;
    }
    tw_sampler_free(&sampler);
}

static void check_counts(const int *counts, const double *weights)
{
    double total = 0;
    for (int i = 0; i < VOCABULARY; i++)
        total += weights[i];
    for (int i = 0; i < VOCABULARY; i++) {
        double expected = DRAWS * weights[i] / total;
        /* one for the spacing of the numbers, one for fp32 weights of relative error 3e-7 */
        assert_true(fabs(counts[i] - expected) <= 2);
    }
}

static double kth(int k)
{
    int above;
    for (int i = 0; i < VOCABULARY; i++) {
        above = 0;
        for (int j = 0; j < VOCABULARY; j++)
            above += logits[j] > logits[i];
        if (above == k - 1)
            return (double)logits[i];
    }
    fail();
    return 0;
}

static void test_temperature(void **state)
{
    (void)state;
    int counts[VOCABULARY];
    double weights[VOCABULARY];
    for (double t = 0.5; t < 3; t *= 2) {
        tw_sampling sampling = tw_sampling_defaults;
        sampling.temperature = t;
        for (int i = 0; i < VOCABULARY; i++)
            weights[i] = exp((double)logits[i] / t);
        count_draws(&sampling, NULL, 0, NULL, counts);
        check_counts(counts, weights);
    }
}

static void test_top_k(void **state)
{
    (void)state;
    int counts[VOCABULARY];
    double weights[VOCABULARY];
    for (int k = 1; k < VOCABULARY + 5; k += 3) {
        tw_sampling sampling = tw_sampling_defaults;
        sampling.top_k = k;
        double threshold = k < VOCABULARY ? kth(k) : -INFINITY;
        for (int i = 0; i < VOCABULARY; i++)
            weights[i] = (double)logits[i] >= threshold ? exp((double)logits[i]) : 0;
        count_draws(&sampling, NULL, 0, NULL, counts);
        check_counts(counts, weights);
    }
}

static void test_top_p(void **state)
{
    (void)state;
    int counts[VOCABULARY];
    double weights[VOCABULARY], total = 0;
    for (int i = 0; i < VOCABULARY; i++)
        total += exp((double)logits[i]);
    for (double p = 0.1; p < 1; p += 0.2) {
        tw_sampling sampling = tw_sampling_defaults;
        sampling.top_p = p;
        for (int i = 0; i < VOCABULARY; i++) {
            double above = 0; /* mass of the likelier ones: i stays when they do not reach p */
            for (int j = 0; j < VOCABULARY; j++)
                above += logits[j] > logits[i] ? exp((double)logits[j]) / total : 0;
            weights[i] = above < p ? exp((double)logits[i]) : 0;
        }
        count_draws(&sampling, NULL, 0, NULL, counts);
        check_counts(counts, weights);
    }
}

static void test_penalty_and_forbidden(void **state)
{
    (void)state;
    int counts[VOCABULARY];
    double weights[VOCABULARY];
    int32_t seen[] = {3, 7, 3, 20};
    tw_sampling sampling = tw_sampling_defaults;
    sampling.repetition_penalty = 1.7;
    for (int i = 0; i < VOCABULARY; i++) {
        double logit = (double)logits[i];
        if (i == 3 || i == 7 || i == 20)
            logit = logit > 0 ? logit / 1.7 : logit * 1.7;
        weights[i] = i == 5 || i == 9 ? 0 : exp(logit);
    }
    count_draws(&sampling, seen, 4, &(tw_stops){{9, 5}, 2}, counts);
    check_counts(counts, weights);
    assert_int_equal(counts[5] + counts[9], 0);
}

static void test_greedy_and_logprob(void **state)
{
    (void)state;
    tw_sampler sampler = {0};
    tw_sampling sampling = tw_sampling_defaults;
    sampling.greedy = true;
    sampling.temperature = 0.3; /* no part in the log-probability */
    int best = 0;
    double total = 0;
    for (int i = 0; i < VOCABULARY; i++) {
        total += exp((double)logits[i]);
        if (logits[i] > logits[best])
            best = i;
    }
    tw_draw drawn = tw_sample_token(&sampler, &sampling, logits, VOCABULARY, NULL, 0, NULL, 0.99);
    assert_int_equal(drawn.token, best);
    assert_true(fabs((double)drawn.logprob - ((double)logits[best] - log(total))) < 1e-5);
    float tied[4] = {1, 2, 2, 0};
    drawn = tw_sample_token(&sampler, &sampling, tied, 4, NULL, 0, NULL, 0);
    assert_int_equal(drawn.token, 1);
    tw_sampler_free(&sampler);
}

/* Whatever the options, no token comes of what is not a number, and one of the
 * vocabulary of all that is. */
static void test_not_numbers(void **state)
{
    (void)state;
    tw_sampler sampler = {0};
    const float bad[] = {NAN, INFINITY};
    const tw_sampling all[] = {
        {.temperature = 1, .top_p = 1, .repetition_penalty = 1},
        {.temperature = 1, .top_p = 1, .repetition_penalty = 1, .greedy = true},
        {.temperature = 1e-300, .top_k = 5, .top_p = 0.5, .repetition_penalty = 1e-300},
        {.temperature = 1e6, .top_k = 5, .top_p = 0.5, .repetition_penalty = 1e6},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        float row[VOCABULARY];
        for (int j = 0; j < VOCABULARY; j++)
            row[j] = (j % 2 ? 1e38F : -1e38F) / (float)(j + 1);
        tw_draw drawn = tw_sample_token(&sampler, &all[i], row, VOCABULARY, (int32_t[]){1, 2}, 2,
                                        &(tw_stops){{0}, 1}, 0.5);
        assert_in_range(drawn.token, 1, VOCABULARY - 1);
        assert_true(isfinite(drawn.logprob));
        for (size_t k = 0; k < 2; k++)
            for (int j = 0; j < VOCABULARY; j += VOCABULARY - 1) {
                float kept = row[j];
                row[j] = bad[k];
                drawn = tw_sample_token(&sampler, &all[i], row, VOCABULARY, (int32_t[]){1, 2}, 2,
                                        NULL, 0.5);
                assert_int_equal(drawn.token, -1);
                row[j] = kept;
            }
    }
    tw_sampler_free(&sampler);
}

/* The definition in its plainest form: all that stays in is sorted, if there is a nucleus, and
 * walked through from the first. order[LARGE] is scratch. */
enum { LARGE = 4099 };

static const double *order_weights;

static int heavier(const void *left, const void *right)
{
    int a = *(const int *)left, b = *(const int *)right;
    if (order_weights[a] != order_weights[b])
        return order_weights[a] > order_weights[b] ? -1 : 1;
    return a < b ? -1 : 1;
}

static void sort_by(const double *weights, int *order)
{
    for (int i = 0; i < LARGE; i++)
        order[i] = i;
    order_weights = weights;
    qsort(order, LARGE, sizeof *order, heavier);
}

static int plainly(const tw_sampling *sampling, const double *logits_of, const tw_stops *forbidden,
                   int *order, double uniform)
{
    double *x = calloc(LARGE, sizeof *x), total = 0, mass = 0;
    for (int i = 0; i < LARGE; i++)
        x[i] = forbidden && tw_stops_has(forbidden, i) ? -INFINITY : logits_of[i];
    sort_by(x, order);
    const double max = x[order[0]];
    const double threshold = sampling->top_k ? x[order[sampling->top_k - 1]] : -INFINITY;
    for (int i = 0; i < LARGE; i++) {
        x[i] = x[i] >= threshold ? exp((x[i] - max) / sampling->temperature) : 0;
        total += x[i];
        order[i] = i;
    }
    if (sampling->top_p < 1)
        sort_by(x, order);
    int count = 0, at = 0;
    while (count < LARGE && (sampling->top_p == 1 || mass < sampling->top_p * total))
        mass += x[order[count++]];
    for (double left = uniform * mass; at + 1 < count; at++)
        if ((left -= x[order[at]]) < 0)
            break;
    while (at > 0 && x[order[at]] == 0) /* sums are rounded */
        at--;
    free(x);
    return order[at];
}

static void test_large_vocabulary(void **state)
{
    (void)state;
    tw_sampler sampler = {0};
    float *row = calloc(LARGE, sizeof *row);
    double *x = calloc(LARGE, sizeof *x);
    int *order = calloc(LARGE, sizeof *order), draws = 0, others = 0;
    const tw_stops forbidden = {{0, LARGE - 1}, 2};
    const tw_sampling all[] = {
        {.temperature = 1, .top_p = 1, .repetition_penalty = 1},
        {.temperature = 0.4, .top_p = 0.9, .repetition_penalty = 1},
        {.temperature = 5, .top_p = 0.99, .repetition_penalty = 1},
        {.temperature = 1, .top_k = 50, .top_p = 1, .repetition_penalty = 1},
        {.temperature = 2, .top_k = 300, .top_p = 0.5, .repetition_penalty = 1},
        {.temperature = 1, .top_p = 1e-9, .repetition_penalty = 1},
        {.temperature = 0.1, .top_p = 0.999, .repetition_penalty = 1},
        {.temperature = 1, .top_k = 3000, .top_p = 0.8, .repetition_penalty = 1},
        {.temperature = 0.5, .top_k = 3000, .top_p = 1, .repetition_penalty = 1},
    };
    for (uint32_t r = 0; r < 3; r++) {
        for (uint32_t i = 0; i < LARGE; i++)
            x[i] = row[i] = (float)(r * tw_normal(5, TW_RNG_INIT, r, 0, i));
        for (size_t s = 0; s < sizeof all / sizeof *all; s++)
            for (uint32_t u = 0; u < 40; u++, draws++) {
                double uniform = u == 39 ? 1 - 1e-16 : tw_uniform(6, TW_RNG_SAMPLE, r, s, u);
                const tw_stops *none = u % 2 ? &forbidden : NULL;
                int token =
                    tw_sample_token(&sampler, &all[s], row, LARGE, NULL, 0, none, uniform).token;
                others += token != plainly(&all[s], x, none, order, uniform);
                if (none)
                    assert_in_range(token, 1, LARGE - 2);
            }
    }
    /* fp32 weights of relative error 3e-7: one at a border in a million or so */
    assert_int_equal(draws, 3 * 9 * 40);
    assert_int_equal(others, 0);
    free(row);
    free(x);
    free(order);
    tw_sampler_free(&sampler);
}

/* Wherever it stands, and whatever the largest number beside it is. */
static void test_not_numbers_anywhere(void **state)
{
    (void)state;
    tw_sampler sampler = {0};
    float *row = calloc(LARGE, sizeof *row);
    const float bad[] = {NAN, INFINITY};
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < LARGE; i += i % 2 ? 127 : 1) {
            row[i] = bad[k];
            assert_int_equal(
                tw_sample_token(&sampler, &tw_sampling_defaults, row, LARGE, NULL, 0, NULL, 0.5)
                    .token,
                -1);
            row[i] = 0;
        }
    free(row);
    tw_sampler_free(&sampler);
}

/* Ids of padding: -infinity in whole parts of a row, from the first on too. */
static void test_padding(void **state)
{
    (void)state;
    tw_sampler sampler = {0};
    float *row = calloc(LARGE, sizeof *row);
    for (size_t i = 0; i < LARGE; i++)
        row[i] = i >= 1500 && i < 1510 ? (float)i / 100 : -INFINITY;
    for (uint32_t i = 0; i < 200; i++) {
        tw_sampling sampling = tw_sampling_defaults;
        sampling.greedy = i % 5 == 0;
        sampling.top_k = i % 3 ? 0 : 20;
        sampling.top_p = i % 2 ? 1 : 0.9999999;
        const double uniform = i == 199 ? 1 - 0x1p-53 : i / 200.0;
        const tw_draw drawn =
            tw_sample_token(&sampler, &sampling, row, LARGE, NULL, 0, NULL, uniform);
        assert_in_range(drawn.token, 1500, 1509);
        assert_true(drawn.logprob < -2.2F && drawn.logprob > -2.4F);
    }
    free(row);
    tw_sampler_free(&sampler);
}

/* Tokens and log-probabilities are the same at every level of instructions. */
static void test_levels(void **state)
{
    (void)state;
    enum { EACH = 300 };
    static tw_draw first[EACH];
    tw_sampler sampler = {0};
    float *row = calloc(LARGE, sizeof *row);
    const char *chosen = tw_kernel->name;
    for (uint32_t i = 0; i < LARGE; i++)
        row[i] = (float)(2 * tw_normal(9, TW_RNG_INIT, 0, 0, i));
    for (size_t set = 0; tw_kernels_at(set); set++) {
        assert_true(tw_kernels_choose(tw_kernels_at(set)->name));
        for (uint32_t i = 0; i < EACH; i++) {
            tw_sampling sampling = tw_sampling_defaults;
            sampling.temperature = i % 2 ? 1 : 0.7;
            sampling.top_k = i % 3 ? 0 : 100;
            sampling.top_p = i % 5 ? 1 : 0.9;
            const tw_draw drawn = tw_sample_token(&sampler, &sampling, row, LARGE, NULL, 0, NULL,
                                                  tw_uniform(10, TW_RNG_SAMPLE, 0, 0, i));
            if (set == 0)
                first[i] = drawn;
            assert_int_equal(drawn.token, first[i].token);
            assert_true(drawn.logprob == first[i].logprob);
        }
    }
    assert_true(tw_kernels_choose(chosen));
    free(row);
    tw_sampler_free(&sampler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_temperature),
        cmocka_unit_test(test_top_k),
        cmocka_unit_test(test_top_p),
        cmocka_unit_test(test_penalty_and_forbidden),
        cmocka_unit_test(test_greedy_and_logprob),
        cmocka_unit_test(test_not_numbers),
        cmocka_unit_test(test_large_vocabulary),
        cmocka_unit_test(test_not_numbers_anywhere),
        cmocka_unit_test(test_padding),
        cmocka_unit_test(test_levels),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
