/* Functions of double precision against MPFR, at their edges, and to the bit. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/math.h"
#include "core/rng.h"
#include "ulp.h"

enum { DRAWS = 20000, EXACT_BITS = 120 };

typedef int exact_function(mpfr_t, const mpfr_t, mpfr_rnd_t);

/* Where arguments come from: an interval, or all bit patterns if both are 0. */
typedef struct range {
    double low, high;
} range;

static const struct {
    const char *name;
    double (*ours)(double);
    exact_function *exact;
    double bound; /* as the header says */
    range ranges[5];
    size_t count;
} functions[] = {
    {"exp", tw_exp, mpfr_exp, 0.56, {{-708, 710}, {-1, 1}, {-0.02, 0.02}, {-1e-9, 1e-9}}, 4},
    {"exp below DBL_MIN", tw_exp, mpfr_exp, 0.77, {{-746, -708}}, 1},
    {"log", tw_log, mpfr_log, 0.51, {{0, 0}, {0.5, 2}, {0.97, 1.03}, {0, DBL_MIN}}, 4},
    {"log1p", tw_log1p, mpfr_log1p, 0.51, {{0, 0}, {-1, 2}, {-0.03, 0.03}, {-1e-9, 1e-9}}, 4},
    {"log2", tw_log2, mpfr_log2, 0.51, {{0, 0}, {0.5, 2}, {0.97, 1.03}, {1, 100}}, 4},
    {"sin", tw_sin, mpfr_sin, 0.75, {{0, 0}, {-0.8, 0.8}, {-7, 7}, {-1e6, 1e6}, {-3e9, 3e9}}, 5},
    {"cos", tw_cos, mpfr_cos, 0.75, {{0, 0}, {-0.8, 0.8}, {-7, 7}, {-1e6, 1e6}, {-3e9, 3e9}}, 5},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

static double draw(const range *from, uint32_t stream, uint64_t i)
{
    const uint64_t bits = tw_random(1, TW_RNG_SPLIT, i, stream, 0);
    if (from->low != 0 || from->high != 0)
        return __builtin_fma(from->high - from->low, (double)(bits >> 11) * 0x1p-53, from->low);
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static double worst_of(size_t f, const range *from, mpfr_t x, mpfr_t exact)
{
    double worst = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        const double argument = draw(from, (uint32_t)f, i);
        mpfr_set_d(x, argument, MPFR_RNDN);
        functions[f].exact(exact, x, MPFR_RNDN);
        worst = fmax(worst, ulps(functions[f].ours(argument), exact, false));
    }
    return worst;
}

static void test_errors(void **state)
{
    (void)state;
    mpfr_t x, exact;
    mpfr_inits2(EXACT_BITS, x, exact, (mpfr_ptr)NULL);
    for (size_t f = 0; f < FUNCTIONS; f++)
        for (size_t r = 0; r < functions[f].count; r++) {
            const range *from = &functions[f].ranges[r];
            const double worst = worst_of(f, from, x, exact);
            if (!(worst <= functions[f].bound))
                fail_msg("%s in [%g, %g]: %.4f ulp, not %.2f", functions[f].name, from->low,
                         from->high, worst, functions[f].bound);
        }
    mpfr_clears(x, exact, (mpfr_ptr)NULL);
}

static void test_pow_errors(void **state)
{
    (void)state;
    mpfr_t x, y, exact;
    mpfr_inits2(EXACT_BITS, x, y, exact, (mpfr_ptr)NULL);
    double worst = 0, worst_small = 0;
    for (uint64_t i = 0; i < 4 * DRAWS; i++) {
        const range bases[] = {{DBL_MIN, DBL_MAX}, {0.5, 2}, {0.95, 1.05}, {1, 1e5}};
        const double base = draw(&bases[i % 4], 100, i);
        const double reach = i % 8 < 4 ? 750 / fabs(tw_log(base)) : 3;
        const double power = draw(&(range){-reach, reach}, 101, i);
        mpfr_set_d(x, base, MPFR_RNDN);
        mpfr_set_d(y, power, MPFR_RNDN);
        mpfr_pow(exact, x, y, MPFR_RNDN);
        double *most = mpfr_cmp_d(exact, DBL_MIN) < 0 ? &worst_small : &worst;
        *most = fmax(*most, ulps(tw_pow(base, power), exact, false));
    }
    mpfr_clears(x, y, exact, (mpfr_ptr)NULL);
    assert_true(worst <= 0.60);
    assert_true(worst_small <= 0.77);
}

/* Doubles next to multiples of pi/2, where a sine or a cosine is least, and the one that is
 * nearest to any. */
static void test_near_quarter_turns(void **state)
{
    (void)state;
    mpfr_t turn, x, exact;
    mpfr_inits2(1200, turn, x, exact, (mpfr_ptr)NULL);
    double worst = 0;
    for (uint64_t i = 0; i < 3000; i++) {
        const uint64_t many = tw_random(1, TW_RNG_SPLIT, i, 102, 0) >> (i % 64);
        mpfr_const_pi(turn, MPFR_RNDN);
        mpfr_mul_ui(turn, turn, many, MPFR_RNDN);
        mpfr_mul_2si(turn, turn, i % 4 == 0 ? (long)(many % 900) : -1, MPFR_RNDN);
        const double argument = i == 0 ? 0x1.6ac5b262ca1ffp+849 : mpfr_get_d(turn, MPFR_RNDN);
        mpfr_set_d(x, argument, MPFR_RNDN);
        mpfr_sin(exact, x, MPFR_RNDN);
        worst = fmax(worst, ulps(tw_sin(argument), exact, false));
        mpfr_cos(exact, x, MPFR_RNDN);
        worst = fmax(worst, ulps(tw_cos(argument), exact, false));
    }
    mpfr_clears(turn, x, exact, (mpfr_ptr)NULL);
    assert_true(worst <= 0.75);
}

static bool same(double a, double b)
{
    return isnan(a) ? isnan(b) : a == b && signbit(a) == signbit(b);
}

static void test_edges(void **state)
{
    (void)state;
    static const struct {
        double (*f)(double);
        double x, y;
    } edges[] = {
        {tw_exp, 0, 1},
        {tw_exp, -0.0, 1},
        {tw_exp, INFINITY, INFINITY},
        {tw_exp, -INFINITY, 0},
        {tw_exp, NAN, NAN},
        {tw_exp, 0x1.62e42fefa39efp+9, 0x1.fffffffffff2ap+1023}, /* the last that is finite */
        {tw_exp, 0x1.62e42fefa39fp+9, INFINITY},
        {tw_exp, -0x1.74910d52d3051p+9, DBL_TRUE_MIN}, /* the last that is not 0 */
        {tw_exp, -0x1.74910d52d3052p+9, 0},
        {tw_exp, 1e300, INFINITY},
        {tw_exp, -1e300, 0},
        {tw_exp, DBL_TRUE_MIN, 1},
        {tw_log, 0, -INFINITY},
        {tw_log, -0.0, -INFINITY},
        {tw_log, 1, 0},
        {tw_log, -1, NAN},
        {tw_log, -INFINITY, NAN},
        {tw_log, INFINITY, INFINITY},
        {tw_log, NAN, NAN},
        {tw_log1p, 0, 0},
        {tw_log1p, -0.0, -0.0},
        {tw_log1p, DBL_TRUE_MIN, DBL_TRUE_MIN},
        {tw_log1p, -1, -INFINITY},
        {tw_log1p, -1.5, NAN},
        {tw_log1p, -INFINITY, NAN},
        {tw_log1p, INFINITY, INFINITY},
        {tw_log1p, NAN, NAN},
        {tw_log2, 0, -INFINITY},
        {tw_log2, -0.0, -INFINITY},
        {tw_log2, 1, 0},
        {tw_log2, -1, NAN},
        {tw_log2, INFINITY, INFINITY},
        {tw_log2, NAN, NAN},
        {tw_sin, 0, 0},
        {tw_sin, -0.0, -0.0},
        {tw_sin, -DBL_TRUE_MIN, -DBL_TRUE_MIN},
        {tw_sin, INFINITY, NAN},
        {tw_sin, -INFINITY, NAN},
        {tw_sin, NAN, NAN},
        {tw_cos, 0, 1},
        {tw_cos, -0.0, 1},
        {tw_cos, DBL_TRUE_MIN, 1},
        {tw_cos, INFINITY, NAN},
        {tw_cos, -INFINITY, NAN},
        {tw_cos, NAN, NAN},
    };
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        const double got = edges[i].f(edges[i].x);
        if (!same(got, edges[i].y))
            fail_msg("edge %zu: of %a %a, not %a", i, edges[i].x, got, edges[i].y);
    }
}

static void test_pow_edges(void **state)
{
    (void)state;
    static const double edges[][3] = {
        {0, 0, 1},
        {NAN, 0, 1},
        {1, NAN, 1},
        {1, INFINITY, 1},
        {NAN, 1, NAN},
        {2, NAN, NAN},
        {0, 2, 0},
        {0, -2, INFINITY},
        {0, INFINITY, 0},
        {0, -INFINITY, INFINITY},
        {INFINITY, 2, INFINITY},
        {INFINITY, -2, 0},
        {INFINITY, INFINITY, INFINITY},
        {INFINITY, -INFINITY, 0},
        {0.5, INFINITY, 0},
        {0.5, -INFINITY, INFINITY},
        {2, INFINITY, INFINITY},
        {2, -INFINITY, 0},
        {2, 1e300, INFINITY},
        {2, -1e300, 0},
        {2, 1024, INFINITY},
        {2, -1074, DBL_TRUE_MIN},
        {2, -1076, 0},
        {DBL_TRUE_MIN, 1, DBL_TRUE_MIN},
        {DBL_MAX, 1, DBL_MAX},
        {-2, 2, NAN},
        {-INFINITY, 2, NAN},
    };
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        const double got = tw_pow(edges[i][0], edges[i][1]);
        if (!same(got, edges[i][2]))
            fail_msg("%a to the %a is %a, not %a", edges[i][0], edges[i][1], got, edges[i][2]);
    }
}

static void test_exact_values(void **state)
{
    (void)state;
    for (int i = -1074; i < 1024; i++) {
        assert_true(tw_log2(ldexp(1, i)) == i);
        assert_true(tw_pow(2, i) == ldexp(1, i));
    }
    for (uint64_t base = 1; base < 40; base++)
        for (uint64_t power = 1, value = base; value < 1ULL << 53; power++, value *= base) {
            assert_true(tw_pow((double)base, (double)power) == (double)value);
            if (base == 1)
                break;
        }
}

/* The outputs of one machine, compiler and set of options, so that every other compares itself
 * with it. */
static void test_bits(void **state)
{
    (void)state;
    uint64_t digest = 0;
    for (size_t f = 0; f < FUNCTIONS; f++)
        for (size_t r = 0; r < functions[f].count; r++)
            for (uint64_t i = 0; i < DRAWS; i++) {
                const double y = functions[f].ours(draw(&functions[f].ranges[r], 103, i));
                uint64_t bits;
                memcpy(&bits, &y, sizeof bits);
                digest = digest_of(digest, bits, isnan(y));
            }
    for (uint64_t i = 0; i < DRAWS; i++) {
        const double y = tw_pow(draw(&(range){0.001, 10}, 104, i), draw(&(range){-90, 90}, 105, i));
        uint64_t bits;
        memcpy(&bits, &y, sizeof bits);
        digest = digest_of(digest, bits, isnan(y));
    }
    if (digest != 0xdf1eb7d502e461ad)
        fail_msg("digest 0x%016llx", (unsigned long long)digest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_pow_errors),
        cmocka_unit_test(test_near_quarter_turns),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_pow_edges),
        cmocka_unit_test(test_exact_values),
        cmocka_unit_test(test_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
