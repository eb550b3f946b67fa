/* Philox against the known answers published with Random123 (kat_vectors,
 * philox4x32 with 10 rounds), the rest against what randomness must look like. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka wants the four above. */
#include <cmocka.h>

#include "core/rng.h"

static void test_known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } known[] = {
        {{0}, {0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint32_t out[4];
        tw_philox(known[i].counter, known[i].key, out);
        assert_memory_equal(out, known[i].out, sizeof out);
    }
}

/* The layout of counter and key is part of "same seed, same bytes": a and b in
 * the upper words, the purpose above b, the seed as the key. */
static void test_layout(void **state)
{
    (void)state;
    uint32_t counter[4] = {0x03707344, 0x00a2299f | TW_RNG_BOOTSTRAP << 24, 0x13198a2e, 0x243f6a88};
    uint32_t key[2] = {0xa4093822, 0x299f31d0}, out[4];
    tw_philox(counter, key, out);
    assert_true(tw_random(0x299f31d0a4093822, TW_RNG_BOOTSTRAP, 0x243f6a8813198a2e, 0x00a2299f,
                          0x03707344) == (out[0] | (uint64_t)out[1] << 32));
}

static void test_every_argument_counts(void **state)
{
    (void)state;
    uint64_t base = tw_random(1, TW_RNG_SAMPLE, 2, 3, 4);
    assert_true(base == tw_random(1, TW_RNG_SAMPLE, 2, 3, 4));
    assert_true(base != tw_random(2, TW_RNG_SAMPLE, 2, 3, 4));
    assert_true(base != tw_random(1 + (UINT64_C(1) << 32), TW_RNG_SAMPLE, 2, 3, 4));
    assert_true(base != tw_random(1, TW_RNG_TIES, 2, 3, 4));
    assert_true(base != tw_random(1, TW_RNG_SAMPLE, 3, 3, 4));
    assert_true(base != tw_random(1, TW_RNG_SAMPLE, 2 + (UINT64_C(1) << 32), 3, 4));
    assert_true(base != tw_random(1, TW_RNG_SAMPLE, 2, 4, 4));
    assert_true(base != tw_random(1, TW_RNG_SAMPLE, 2, 3, 5));
    /* Draws are never equal by roles changing places. */
    assert_true(tw_random(1, TW_RNG_SAMPLE, 2, 3, 4) != tw_random(1, TW_RNG_SAMPLE, 4, 3, 2));
    assert_true(tw_random(1, TW_RNG_SAMPLE, 2, 0, 0) != tw_random(2, TW_RNG_SAMPLE, 1, 0, 0));
}

enum { DRAWS = 100000, BINS = 100 };

/* Chi-square of BINS - 1 = 99 degrees of freedom: 160 has p = 1e-4, and the draws
 * are the same on every run. */
static void test_uniform(void **state)
{
    (void)state;
    int bins[BINS] = {0};
    for (uint32_t i = 0; i < DRAWS; i++) {
        double u = tw_uniform(7, TW_RNG_SAMPLE, i / 1000, i / 100 % 10, i % 100);
        assert_true(u >= 0 && u < 1);
        bins[(int)(u * BINS)]++;
    }
    double chi2 = 0, expected = (double)DRAWS / BINS;
    for (int i = 0; i < BINS; i++)
        chi2 += (bins[i] - expected) * (bins[i] - expected) / expected;
    assert_true(chi2 < 160);
    assert_true(chi2 > 50); /* too even is not random either */
}

/* Moments within 4.5 standard errors: sqrt(1/n), sqrt(2/n), sqrt(15/n), sqrt(96/n). */
static void test_normal(void **state)
{
    (void)state;
    double sum[5] = {0};
    for (uint32_t i = 0; i < DRAWS; i++) {
        double z = tw_normal(7, TW_RNG_INIT, 3, 0, i);
        assert_true(isfinite(z));
        for (int power = 1; power <= 4; power++)
            sum[power] += pow(z, power) / DRAWS;
    }
    assert_true(fabs(sum[1]) < 4.5 * sqrt(1.0 / DRAWS));
    assert_true(fabs(sum[2] - 1) < 4.5 * sqrt(2.0 / DRAWS));
    assert_true(fabs(sum[3]) < 4.5 * sqrt(15.0 / DRAWS));
    assert_true(fabs(sum[4] - 3) < 4.5 * sqrt(96.0 / DRAWS));
}

static void test_permutation(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    uint32_t order[COUNT], again[COUNT], other[COUNT];
    tw_permutation(1, TW_RNG_SHUFFLE, 5, 0, COUNT, order);
    tw_permutation(1, TW_RNG_SHUFFLE, 5, 0, COUNT, again);
    tw_permutation(1, TW_RNG_SHUFFLE, 6, 0, COUNT, other);
    assert_memory_equal(order, again, sizeof order);
    assert_memory_not_equal(order, other, sizeof order);
    char seen[COUNT] = {0};
    for (int i = 0; i < COUNT; i++) {
        assert_true(order[i] < COUNT && !seen[order[i]]);
        seen[order[i]] = 1;
    }
    tw_permutation(1, TW_RNG_SHUFFLE, 5, 0, 0, NULL);
    tw_permutation(1, TW_RNG_SHUFFLE, 5, 0, 1, order);
    assert_int_equal(order[0], 0);
}

/* All 24 orders of 4 equally often: chi-square of 23 degrees, p(> 56) = 1e-4. */
static void test_permutations_are_even(void **state)
{
    (void)state;
    enum { TRIALS = 24000 };
    int counts[256] = {0};
    for (uint64_t i = 0; i < TRIALS; i++) {
        uint32_t order[4];
        tw_permutation(1, TW_RNG_TIES, i, 7, 4, order);
        counts[order[0] << 6 | order[1] << 4 | order[2] << 2 | order[3]]++;
    }
    int kinds = 0;
    double chi2 = 0;
    for (int i = 0; i < 256; i++)
        if (counts[i]) {
            kinds++;
            chi2 += (counts[i] - 1000.0) * (counts[i] - 1000.0) / 1000;
        }
    assert_int_equal(kinds, 24);
    assert_true(chi2 < 56);
}

/* From the FNV authors' own test vectors. */
static void test_hash(void **state)
{
    (void)state;
    assert_true(tw_hash("", 0) == 0xcbf29ce484222325);
    assert_true(tw_hash("a", 1) == 0xaf63dc4c8601ec8c);
    assert_true(tw_hash("foobar", 6) == 0x85944171f73967e8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_every_argument_counts),
        cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_normal),
        cmocka_unit_test(test_permutation),
        cmocka_unit_test(test_permutations_are_even),
        cmocka_unit_test(test_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
