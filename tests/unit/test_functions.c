/* Functions of floats against MPFR, at their edges, and to the bit, in vectors too. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <float.h>
#include <math.h>

#include "tensor/kernels/functions.h"
#include "ulp.h"

enum { EXACT_BITS = 60, STRIDE = 5003, WIDTH = 1024 }; /* a stride prime to most patterns */

static int exact_sigmoid(mpfr_t y, const mpfr_t x, mpfr_rnd_t rounding)
{
    mpfr_neg(y, x, rounding);
    mpfr_exp(y, y, rounding);
    mpfr_add_ui(y, y, 1, rounding);
    return mpfr_ui_div(y, 1, y, rounding);
}

/* The compiler may vectorize these. */
#define ROW_OF(function)                                                                           \
    static void row_of_##function(float *restrict y, const float *restrict x)                      \
    {                                                                                              \
        for (size_t i = 0; i < WIDTH; i++)                                                         \
            y[i] = tw_##function(x[i]);                                                            \
    }
ROW_OF(expf)
ROW_OF(logf)
ROW_OF(tanhf)
ROW_OF(erff)
ROW_OF(sigmoidf)

static const struct {
    const char *name;
    float (*ours)(float);
    void (*row)(float *restrict, const float *restrict);
    int (*exact)(mpfr_t, const mpfr_t, mpfr_rnd_t);
    double bound;    /* as the header says */
    float low, high; /* beyond, all results are those at the ends: looked at less */
    uint64_t digest; /* of the outputs of one machine, compiler and set of options */
} functions[] = {
    {"exp", tw_expf, row_of_expf, mpfr_exp, 0.88, -104.5F, 89.5F, 0xbee328a5c4f362ed},
    {"log", tw_logf, row_of_logf, mpfr_log, 0.94, 0, FLT_MAX, 0x3cc241d3e4710546},
    {"tanh", tw_tanhf, row_of_tanhf, mpfr_tanh, 1.75, -10, 10, 0xc83c6d2539978dce},
    {"erf", tw_erff, row_of_erff, mpfr_erf, 1.85, -4.1F, 4.1F, 0x1d96a5df8875d24d},
    {"sigmoid", tw_sigmoidf, row_of_sigmoidf, exact_sigmoid, 1.97, -104.5F, 25, 0x960477e67a4e8c1f},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

static void test_errors(void **state)
{
    (void)state;
    mpfr_t x, exact;
    mpfr_inits2(EXACT_BITS, x, exact, (mpfr_ptr)NULL);
    for (size_t f = 0; f < FUNCTIONS; f++) {
        double worst = 0;
        float worst_at = 0;
        for (uint64_t i = 0; i <= UINT32_MAX; i += STRIDE) {
            const float argument = tw_float_from((uint32_t)i);
            if (!(argument >= functions[f].low && argument <= functions[f].high))
                i += 15 * (uint64_t)STRIDE;
            mpfr_set_flt(x, argument, MPFR_RNDN);
            functions[f].exact(exact, x, MPFR_RNDN);
            const double error = ulps((double)functions[f].ours(argument), exact, true);
            worst_at = error > worst ? argument : worst_at;
            worst = fmax(worst, error);
        }
        if (!(worst <= functions[f].bound))
            fail_msg("%s of %a: %.4f ulp, not %.2f", functions[f].name, (double)worst_at, worst,
                     functions[f].bound);
    }
    mpfr_clears(x, exact, (mpfr_ptr)NULL);
}

/* Where the errors over all floats are greatest. */
static void test_worst(void **state)
{
    (void)state;
    static const float worst[FUNCTIONS] = {0x1.f31782p+3F, 0x1.4574e2p-1F, 0x1.c49142p-1F,
                                           0x1.cd5c4ap-3F, -0x1.8f3676p+2F};
    mpfr_t x, exact;
    mpfr_inits2(EXACT_BITS, x, exact, (mpfr_ptr)NULL);
    for (size_t f = 0; f < FUNCTIONS; f++) {
        mpfr_set_flt(x, worst[f], MPFR_RNDN);
        functions[f].exact(exact, x, MPFR_RNDN);
        const double error = ulps((double)functions[f].ours(worst[f]), exact, true);
        assert_true(error <= functions[f].bound && error > functions[f].bound - 0.04);
    }
    mpfr_clears(x, exact, (mpfr_ptr)NULL);
}

static void test_edges(void **state)
{
    (void)state;
    static const struct {
        float (*f)(float);
        float x, y;
    } edges[] = {
        {tw_expf, 0, 1},
        {tw_expf, -0.0F, 1},
        {tw_expf, INFINITY, INFINITY},
        {tw_expf, -INFINITY, 0},
        {tw_expf, NAN, NAN},
        {tw_expf, FLT_MAX, INFINITY},
        {tw_expf, -FLT_MAX, 0},
        {tw_expf, 0x1.62e42ep+6F, 0x1.ffff08p+127F}, /* the last that is finite */
        {tw_expf, 0x1.62e43p+6F, INFINITY},
        {tw_expf, -0x1.9fe368p+6F, FLT_TRUE_MIN}, /* the last that is not 0 */
        {tw_expf, -0x1.9fe36ap+6F, 0},
        {tw_logf, 0, -INFINITY},
        {tw_logf, -0.0F, -INFINITY},
        {tw_logf, 1, 0},
        {tw_logf, -1, NAN},
        {tw_logf, -FLT_TRUE_MIN, NAN},
        {tw_logf, -INFINITY, NAN},
        {tw_logf, INFINITY, INFINITY},
        {tw_logf, NAN, NAN},
        {tw_tanhf, 0, 0},
        {tw_tanhf, -0.0F, -0.0F},
        {tw_tanhf, FLT_TRUE_MIN, FLT_TRUE_MIN},
        {tw_tanhf, -FLT_TRUE_MIN, -FLT_TRUE_MIN},
        {tw_tanhf, INFINITY, 1},
        {tw_tanhf, -INFINITY, -1},
        {tw_tanhf, FLT_MAX, 1},
        {tw_tanhf, NAN, NAN},
        {tw_erff, 0, 0},
        {tw_erff, -0.0F, -0.0F},
        {tw_erff, FLT_TRUE_MIN, FLT_TRUE_MIN},
        {tw_erff, INFINITY, 1},
        {tw_erff, -INFINITY, -1},
        {tw_erff, NAN, NAN},
        {tw_sigmoidf, 0, 0.5F},
        {tw_sigmoidf, -0.0F, 0.5F},
        {tw_sigmoidf, INFINITY, 1},
        {tw_sigmoidf, -INFINITY, 0},
        {tw_sigmoidf, NAN, NAN},
    };
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        const float got = edges[i].f(edges[i].x), y = edges[i].y;
        if (isnan(y) ? !isnan(got) : got != y || signbit(got) != signbit(y))
            fail_msg("edge %zu: of %a %a, not %a", i, (double)edges[i].x, (double)got, (double)y);
    }
}

/* A function of a row is that of each of its numbers, and what it is everywhere else. */
static void test_bits(void **state)
{
    (void)state;
    static float x[WIDTH], y[WIDTH];
    for (size_t f = 0; f < FUNCTIONS; f++) {
        uint64_t digest = 0;
        for (uint32_t row = 0; row < 1024; row++) {
            for (uint32_t i = 0; i < WIDTH; i++)
                x[i] = tw_float_from((row * WIDTH + i) * 4093);
            functions[f].row(y, x);
            for (size_t i = 0; i < WIDTH; i++) {
                const uint32_t bits = tw_float_bits(y[i]);
                if (row % 16 == 0 && !isnan(y[i]))
                    assert_true(bits == tw_float_bits(functions[f].ours(x[i])));
                digest = digest_of(digest, bits, isnan(y[i]));
            }
        }
        if (digest != functions[f].digest)
            fail_msg("%s: digest 0x%016llx", functions[f].name, (unsigned long long)digest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_worst),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
