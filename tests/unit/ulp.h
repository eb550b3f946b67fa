#ifndef TW_TESTS_ULP_H
#define TW_TESTS_ULP_H

#include <float.h>
#include <math.h>
#include <mpfr.h>
#include <stdbool.h>
#include <stdint.h>

/* Results against MPFR, in units in the last place. Users link with -lmpfr. */

/* How far got is from exact in units in the last place of a double (or, if is_float, of a
 * float) of that size. 0 for special values and those too large for the type if they are equal,
 * infinity if not. */
static inline double ulps(double got, const mpfr_t exact, bool is_float)
{
    const double nearest =
        is_float ? (double)mpfr_get_flt(exact, MPFR_RNDN) : mpfr_get_d(exact, MPFR_RNDN);
    if (isnan(got) || isnan(nearest))
        return isnan(got) && isnan(nearest) ? 0 : INFINITY;
    if (isinf(got) || isinf(nearest) || mpfr_zero_p(exact))
        return got == nearest ? 0 : INFINITY;
    const mpfr_exp_t digits = is_float ? FLT_MANT_DIG : DBL_MANT_DIG;
    const mpfr_exp_t least = is_float ? -149 : -1074; /* of a unit in the last place */
    const mpfr_exp_t unit = mpfr_get_exp(exact) - digits;
    mpfr_t difference;
    mpfr_init2(difference, mpfr_get_prec(exact));
    mpfr_sub_d(difference, exact, got, MPFR_RNDN);
    mpfr_mul_2si(difference, difference, -(unit < least ? least : unit), MPFR_RNDN);
    const double distance = fabs(mpfr_get_d(difference, MPFR_RNDN));
    mpfr_clear(difference);
    return distance;
}

/* The sign and the payload of a NaN are the processor's choice. */
static inline uint64_t digest_of(uint64_t digest, uint64_t bits, bool is_nan)
{
    return (digest ^ (is_nan ? 1 : bits)) * 0x9e3779b97f4a7c15 + (digest >> 29);
}

#endif
