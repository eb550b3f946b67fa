#include "core/math.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* An angle as quadrants of pi/2 and a rest in about [-pi/4, pi/4], in two parts. */
typedef struct angle {
    unsigned quadrant; /* modulo 4 */
    double rest, low;
} angle;

/* pi/2 in three parts: 161 bits and a rounding. */
static const double half_pi[3] = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54,
                                  -0x1.f1976b7ed8fbcp-110};

/* |x| < 2^30. After Cody and Waite; an fma subtracts each product before it is rounded. The
 * first difference is exact, since it is less than 1 and a multiple of 2^-53. */
static angle reduce_small(double x)
{
    const double magic = 0x1.8p52; /* adding it rounds to an integer */
    const double n = __builtin_fma(x, 0x1.45f306dc9c883p-1, magic) - magic;
    const double first = __builtin_fma(-n, half_pi[0], x), product = n * half_pi[1];
    const double rest = first - product, back = rest - first;
    const double lost = first - (rest - back) - (product + back); /* in that difference */
    const double product_low = __builtin_fma(n, half_pi[1], -product);
    return (angle){(unsigned)(int64_t)n & 3U, rest,
                   __builtin_fma(-n, half_pi[2], lost - product_low)};
}

/* The bits of 2/pi, after 64 zeros. */
static const uint64_t two_over_pi[21] = {
    0x0000000000000000, 0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041,
    0xfe5163abdebbc561, 0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e,
    0xe88235f52ebb4484, 0xe99c7026b45f7e41, 0x3991d639835339f4, 0x9c845f8bbdf9283b,
    0x1ff897ffde05980f, 0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d,
    0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab,
    0xf0cfbc209af4361d,
};

/* count words of two_over_pi's bits from bit `first` on */
static uint64_t window(int first)
{
    const int word = first / 64, shift = first % 64;
    const uint64_t high = two_over_pi[word] << shift;
    return shift == 0 ? high : high | two_over_pi[word + 1] >> (64 - shift);
}

/* |x| in [2^30, infinity). After Payne and Hanek: of x 2/pi only the bits below 4 count, so
 * the mantissa is multiplied with 192 bits of 2/pi from there on, modulo 2^192. */
static angle reduce_large(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    const int exponent = (int)(bits >> 52 & 0x7ff) - 1075; /* x = mantissa 2^exponent */
    const uint64_t mantissa = (bits & 0xfffffffffffff) | 0x10000000000000;
    const int first = exponent - 2 + 64;
    typedef unsigned __int128 wide;
    const wide low = (wide)window(first + 128) * mantissa;
    const wide middle = (wide)window(first + 64) * mantissa + (uint64_t)(low >> 64);
    const wide product = ((wide)(window(first) * mantissa) << 64) + middle; /* in 2^-126 */
    const unsigned quadrant = (unsigned)(product >> 126) + (unsigned)(product >> 125 & 1);
    const __int128 fraction = (__int128)(product << 2); /* of a quadrant in 2^-128, to nearest */
    const double high = (double)fraction, rest = (double)(fraction - (__int128)high);
    const double scale = x < 0 ? -0x1p-128 : 0x1p-128, turned = high * half_pi[0];
    const double turned_low = __builtin_fma(high, half_pi[0], -turned) +
                              __builtin_fma(high, half_pi[1], rest * half_pi[0]);
    return (angle){(x < 0 ? 0U - quadrant : quadrant) & 3U, turned * scale, turned_low * scale};
}

static angle reduce(double x)
{
    return fabs(x) < 0x1p30 ? reduce_small(x) : reduce_large(x);
}

/* sin(x + low) and cos(x + low) for |x| <= pi/4 by their Taylor series. */
static double sin_core(double x, double low)
{
    const double z = x * x;
    double q = __builtin_fma(z, 1.0 / 355687428096000, -1.0 / 1307674368000);
    q = __builtin_fma(q, z, 1.0 / 6227020800);
    q = __builtin_fma(q, z, -1.0 / 39916800);
    q = __builtin_fma(q, z, 1.0 / 362880);
    q = __builtin_fma(q, z, -1.0 / 5040);
    q = __builtin_fma(q, z, 1.0 / 120);
    q = __builtin_fma(q, z, -1.0 / 6);
    return x + __builtin_fma(q, z * x, __builtin_fma(-0.5 * z, low, low));
}

static double cos_core(double x, double low)
{
    const double z = x * x, half = 0.5 * z, one = 1 - half;
    double q = __builtin_fma(z, 1.0 / 20922789888000, -1.0 / 87178291200);
    q = __builtin_fma(q, z, 1.0 / 479001600);
    q = __builtin_fma(q, z, -1.0 / 3628800);
    q = __builtin_fma(q, z, 1.0 / 40320);
    q = __builtin_fma(q, z, -1.0 / 720);
    q = __builtin_fma(q, z, 1.0 / 24);
    const double z_low = __builtin_fma(x, x, -z), lost = 1 - one - half;
    const double rest = __builtin_fma(-x, low, __builtin_fma(-0.5, z_low, lost));
    return one + __builtin_fma(z * z, q, rest);
}

/* sin(x + quadrants pi/2) */
static double turn(angle at, unsigned quadrants)
{
    const unsigned quadrant = (at.quadrant + quadrants) & 3U;
    const double y = quadrant & 1U ? cos_core(at.rest, at.low) : sin_core(at.rest, at.low);
    return quadrant & 2U ? -y : y;
}

double tw_sin(double x)
{
    if (!isfinite(x))
        return NAN;
    return fabs(x) < 0x1p-27 ? x : turn(reduce(x), 0); /* -0 keeps its sign */
}

double tw_cos(double x)
{
    return isfinite(x) ? turn(reduce(x), 1) : NAN;
}
