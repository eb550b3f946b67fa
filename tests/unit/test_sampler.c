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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_temperature),
        cmocka_unit_test(test_top_k),
        cmocka_unit_test(test_top_p),
        cmocka_unit_test(test_penalty_and_forbidden),
        cmocka_unit_test(test_greedy_and_logprob),
        cmocka_unit_test(test_not_numbers),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
