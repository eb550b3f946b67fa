#include "core/math.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* A value as the unevaluated sum of two doubles. */
typedef struct twofold {
    double high, low;
} twofold;

static uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static double from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* 2^n, n in [-1022, 1023] */
static double power_of_two(int64_t n)
{
    return from_bits((uint64_t)(n + 1023) << 52);
}

/* 2^(i/32): the nearest double, and what it leaves. */
static const twofold power_table[32] = {
    {0x1p+0, 0x0p+0},
    {0x1.059b0d3158574p+0, 0x1.d73e2a475b465p-55},
    {0x1.0b5586cf9890fp+0, 0x1.8a62e4adc610bp-54},
    {0x1.11301d0125b51p+0, -0x1.6c51039449b3ap-54},
    {0x1.172b83c7d517bp+0, -0x1.19041b9d78a76p-55},
    {0x1.1d4873168b9aap+0, 0x1.e016e00a2643cp-54},
    {0x1.2387a6e756238p+0, 0x1.9b07eb6c70573p-54},
    {0x1.29e9df51fdee1p+0, 0x1.612e8afad1255p-55},
    {0x1.306fe0a31b715p+0, 0x1.6f46ad23182e4p-55},
    {0x1.371a7373aa9cbp+0, -0x1.63aeabf42eae2p-54},
    {0x1.3dea64c123422p+0, 0x1.ada0911f09ebcp-55},
    {0x1.44e086061892dp+0, 0x1.89b7a04ef80dp-59},
    {0x1.4bfdad5362a27p+0, 0x1.d4397afec42e2p-56},
    {0x1.5342b569d4f82p+0, -0x1.07abe1db13cadp-55},
    {0x1.5ab07dd485429p+0, 0x1.6324c054647adp-54},
    {0x1.6247eb03a5585p+0, -0x1.383c17e40b497p-54},
    {0x1.6a09e667f3bcdp+0, -0x1.bdd3413b26456p-54},
    {0x1.71f75e8ec5f74p+0, -0x1.16e4786887a99p-55},
    {0x1.7a11473eb0187p+0, -0x1.41577ee04992fp-55},
    {0x1.82589994cce13p+0, -0x1.d4c1dd41532d8p-54},
    {0x1.8ace5422aa0dbp+0, 0x1.6e9f156864b27p-54},
    {0x1.93737b0cdc5e5p+0, -0x1.75fc781b57ebcp-57},
    {0x1.9c49182a3f09p+0, 0x1.c7c46b071f2bep-56},
    {0x1.a5503b23e255dp+0, -0x1.d2f6edb8d41e1p-54},
    {0x1.ae89f995ad3adp+0, 0x1.7a1cd345dcc81p-54},
    {0x1.b7f76f2fb5e47p+0, -0x1.5584f7e54ac3bp-56},
    {0x1.c199bdd85529cp+0, 0x1.11065895048ddp-55},
    {0x1.cb720dcef9069p+0, 0x1.503cbd1e949dbp-56},
    {0x1.d5818dcfba487p+0, 0x1.2ed02d75b3707p-55},
    {0x1.dfc97337b9b5fp+0, -0x1.1a5cd4f184b5cp-54},
    {0x1.ea4afa2a490dap+0, -0x1.e9c23179c2893p-54},
    {0x1.f50765b6e454p+0, 0x1.9d3e12dd8a18bp-54},
};

/* exp(x + low), |low| far below |x|, for |x| < 800. x = k ln2/32 + r, |r| < 0.011: 2^(k/32)
 * from the table, exp(r) - 1 from its Taylor series. */
static double exp_core(double x, double low)
{
    const double magic = 0x1.8p52; /* adding it rounds to an integer */
    const double shift = __builtin_fma(x, 0x1.71547652b82fep+5, magic) - magic;
    const int64_t k = (int64_t)shift;
    double r = __builtin_fma(-shift, 0x1.62e42fefa39efp-6, x);
    r = __builtin_fma(-shift, 0x1.abc9e3b39803fp-61, r) + low;
    double q = __builtin_fma(r, 1.0 / 720, 1.0 / 120);
    q = __builtin_fma(q, r, 1.0 / 24);
    q = __builtin_fma(q, r, 1.0 / 6);
    q = __builtin_fma(q, r, 0.5);
    q = __builtin_fma(q * r, r, r);
    const twofold power = power_table[k & 31];
    const double y = power.high + __builtin_fma(power.high, q, power.low);
    const int64_t n = k >> 5, half = n / 2; /* two steps: 2^n alone may be out of range */
    return y * power_of_two(half) * power_of_two(n - half);
}

double tw_exp(double x)
{
    if (isnan(x))
        return x;
    return x > 710 ? INFINITY : x < -746 ? 0 : exp_core(x, 0);
}

/* For z in [45/64 (1 + i/45), ...), 64 steps of an octave around 1: c near 1/z in few bits, so
 * that c z - 1 is exact, and -log(c), its first part a multiple of 2^-42. */
static const struct log_entry {
    double inverse, high, low;
} log_table[64] = {
    {0x1.6cp+0, -0x1.686c81e9b1p-2, -0x1.2bb110af84054p-44},
    {0x1.68p+0, -0x1.5d1bdbf581p-2, 0x1.8d6bdc9c7c238p-44},
    {0x1.64p+0, -0x1.51aad872ep-2, 0x1.f4bd8db0a7cc1p-44},
    {0x1.6p+0, -0x1.4618bc21c6p-2, 0x1.3d82f484c84ccp-46},
    {0x1.5cp+0, -0x1.3a64c55694p-2, -0x1.7a71cbcd735dp-44},
    {0x1.58p+0, -0x1.2e8e2bae12p-2, 0x1.67b1e99b72bd8p-45},
    {0x1.54p+0, -0x1.22941fbcf8p-2, 0x1.a6976f5eb0963p-44},
    {0x1.5p+0, -0x1.1675cababap-2, -0x1.8380e731f55c4p-44},
    {0x1.4cp+0, -0x1.0a324e2739p-2, -0x1.c6bee7ef4030ep-47},
    {0x1.48p+0, -0x1.fb9186d5e4p-3, 0x1.d572aab993c87p-47},
    {0x1.48p+0, -0x1.fb9186d5e4p-3, 0x1.d572aab993c87p-47},
    {0x1.44p+0, -0x1.e27076e2bp-3, 0x1.a342c2af0003cp-44},
    {0x1.4p+0, -0x1.c8ff7c79aap-3, 0x1.7794f689f8434p-45},
    {0x1.3cp+0, -0x1.af3c94e80cp-3, 0x1.a4e633fcd9066p-52},
    {0x1.38p+0, -0x1.9525a9cf46p-3, 0x1.297137d9f158fp-44},
    {0x1.38p+0, -0x1.9525a9cf46p-3, 0x1.297137d9f158fp-44},
    {0x1.34p+0, -0x1.7ab890210ep-3, 0x1.bdb9072534a58p-45},
    {0x1.3p+0, -0x1.5ff3070a7ap-3, 0x1.8586f183bebf2p-44},
    {0x1.3p+0, -0x1.5ff3070a7ap-3, 0x1.8586f183bebf2p-44},
    {0x1.2cp+0, -0x1.44d2b6ccb8p-3, 0x1.70cc16135783cp-46},
    {0x1.28p+0, -0x1.29552f82p-3, 0x1.5b967f4471dfcp-44},
    {0x1.24p+0, -0x1.0d77e7cd08p-3, -0x1.cb2cd2ee2f482p-44},
    {0x1.24p+0, -0x1.0d77e7cd08p-3, -0x1.cb2cd2ee2f482p-44},
    {0x1.2p+0, -0x1.e27076e2bp-4, 0x1.a342c2af0003cp-45},
    {0x1.2p+0, -0x1.e27076e2bp-4, 0x1.a342c2af0003cp-45},
    {0x1.1cp+0, -0x1.a926d3a4acp-4, -0x1.563650bd22a9cp-44},
    {0x1.18p+0, -0x1.6f0d28ae58p-4, 0x1.4b4641b664613p-44},
    {0x1.18p+0, -0x1.6f0d28ae58p-4, 0x1.4b4641b664613p-44},
    {0x1.14p+0, -0x1.341d7961bcp-4, -0x1.1d0929983761p-44},
    {0x1.14p+0, -0x1.341d7961bcp-4, -0x1.1d0929983761p-44},
    {0x1.1p+0, -0x1.f0a30c0118p-5, 0x1.d599e83368e91p-45},
    {0x1.0cp+0, -0x1.77458f633p-5, 0x1.181dce586af09p-44},
    {0x1.0cp+0, -0x1.77458f633p-5, 0x1.181dce586af09p-44},
    {0x1.08p+0, -0x1.f829b0e78p-6, -0x1.980267c7e09e4p-45},
    {0x1.08p+0, -0x1.f829b0e78p-6, -0x1.980267c7e09e4p-45},
    {0x1.04p+0, -0x1.fc0a8b0fcp-7, -0x1.f1e7cf6d3a69cp-50},
    {0x1.04p+0, -0x1.fc0a8b0fcp-7, -0x1.f1e7cf6d3a69cp-50},
    {0x1p+0, 0, 0},
    {0x1p+0, 0, 0},
    {0x1.f4p-1, 0x1.8492528c9p-6, -0x1.aa0ba325a0c34p-45},
    {0x1.ecp-1, 0x1.466aed42ep-5, -0x1.c167375bdfd28p-45},
    {0x1.e4p-1, 0x1.ccb73cddd8p-5, 0x1.965c36e09f5fep-44},
    {0x1.ep-1, 0x1.08598b59e4p-4, -0x1.7e5dd7009902cp-46},
    {0x1.d8p-1, 0x1.4d3115d208p-4, -0x1.53a2582f4e1efp-48},
    {0x1.dp-1, 0x1.9335e5d594p-4, 0x1.3115c3abd47dap-45},
    {0x1.ccp-1, 0x1.b6ac88dad4p-4, 0x1.b1bdff50225c7p-44},
    {0x1.c4p-1, 0x1.fe89139dbcp-4, 0x1.56594d82f7a82p-44},
    {0x1.bcp-1, 0x1.23d712a49cp-3, 0x1.00d238fd3df5cp-46},
    {0x1.b8p-1, 0x1.365fcb015ap-3, -0x1.fd3a0afb9691bp-44},
    {0x1.b4p-1, 0x1.4913d8333cp-3, -0x1.53e43558124c4p-44},
    {0x1.acp-1, 0x1.6f0128b756p-3, 0x1.577390d31ef0fp-44},
    {0x1.a8p-1, 0x1.823c16551ap-3, 0x1.e0ddb9a631e83p-46},
    {0x1.ap-1, 0x1.a93ed3c8aep-3, -0x1.8724350562169p-45},
    {0x1.9cp-1, 0x1.bd087383bep-3, -0x1.d4bc4595412b6p-45},
    {0x1.98p-1, 0x1.d1037f2656p-3, -0x1.84a7e75b6f6e4p-47},
    {0x1.94p-1, 0x1.e530effe72p-3, -0x1.fdbdbb13f7c18p-44},
    {0x1.8cp-1, 0x1.07138604d6p-2, -0x1.e76324e912b17p-44},
    {0x1.88p-1, 0x1.1178e8227ep-2, 0x1.1ef78ce2d07f2p-44},
    {0x1.84p-1, 0x1.1bf99635a7p-2, -0x1.1ac89575c2125p-44},
    {0x1.8p-1, 0x1.269621134ep-2, -0x1.1b61f10522625p-44},
    {0x1.7cp-1, 0x1.314f1e1d36p-2, -0x1.8e27ad3213cb8p-45},
    {0x1.78p-1, 0x1.3c25277333p-2, 0x1.83b54b606bd5cp-46},
    {0x1.74p-1, 0x1.4718dc271cp-2, 0x1.06c18fb4c14c5p-44},
    {0x1.7p-1, 0x1.522ae0738ap-2, 0x1.ebe708164c759p-45},
};

/* x = 2^exponent z, z in [45/64, 90/64). */
typedef struct split {
    double exponent, z;
    struct log_entry entry;
} split;

/* x finite and above 0 */
static split split_of(double x)
{
    const uint64_t lowest = 0x3fe6800000000000; /* 45/64 */
    const bool tiny = x < 0x1p-1022;
    const uint64_t bits = bits_of(tiny ? x * 0x1p54 : x), offset = bits - lowest;
    const int64_t k = (int64_t)offset >> 52;
    return (split){.exponent = (double)(k - (tiny ? 54 : 0)),
                   .z = from_bits(bits - ((uint64_t)k << 52)),
                   .entry = log_table[offset >> 46 & 63]};
}

/* a + b, exactly; |a| >= |b| or a = 0 */
static twofold sum_of(double a, double b)
{
    const double sum = a + b;
    return (twofold){sum, a - sum + b};
}

/* high + low + log(1 + r + r_low), |r| <= 1/64; low and r_low are far below high and r. */
static twofold add_log1p(double high, double low, double r, double r_low)
{
    double q = __builtin_fma(r, 1.0 / 11, -1.0 / 10);
    q = __builtin_fma(q, r, 1.0 / 9);
    q = __builtin_fma(q, r, -1.0 / 8);
    q = __builtin_fma(q, r, 1.0 / 7);
    q = __builtin_fma(q, r, -1.0 / 6);
    q = __builtin_fma(q, r, 1.0 / 5);
    q = __builtin_fma(q, r, -1.0 / 4);
    q = __builtin_fma(q, r, 1.0 / 3);
    const double minus_half = -0.5 * r,
                 square = minus_half * r; /* the series to r^2 is kept whole */
    const double square_low = __builtin_fma(minus_half, r, -square);
    const twofold first = sum_of(high, r), second = sum_of(first.high, square);
    const double rest = __builtin_fma(r * r * r, q, __builtin_fma(-r, r_low, r_low));
    return sum_of(second.high, first.low + second.low + (square_low + low + rest));
}

/* log(x + x_low) for x finite and above 0, good to about 2^-66; x_low is far below x */
static twofold log_core(double x, double x_low)
{
    const split at = split_of(x);
    const double r = __builtin_fma(at.z, at.entry.inverse, -1); /* exact */
    const double high = __builtin_fma(at.exponent, 0x1.62e42fefa38p-1, at.entry.high);
    const double low = __builtin_fma(at.exponent, 0x1.ef35793c7673p-45, at.entry.low);
    const twofold sum = sum_of(r, x_low == 0 ? 0 : x_low / x * (1 + r));
    return add_log1p(high, low, sum.high, sum.low);
}

/* Where a logarithm is not finite: x is 0, below 0, infinite or not a number. */
static double log_of_special(double x)
{
    return x == 0 ? -INFINITY : x < 0 ? NAN : x;
}

static bool is_ordinary(double x)
{
    return x > 0 && x < INFINITY;
}

double tw_log(double x)
{
    return is_ordinary(x) ? log_core(x, 0).high : log_of_special(x);
}

double tw_log1p(double x)
{
    if (fabs(x) < 0x1p-54)
        return x;
    const double sum = 1 + x;
    if (!is_ordinary(sum))
        return log_of_special(sum);
    const double low = x < 1 ? 1 - sum + x : x - sum + 1;
    return log_core(sum, low).high;
}

double tw_log2(double x)
{
    if (!is_ordinary(x))
        return log_of_special(x);
    const split at = split_of(x);
    const double r = __builtin_fma(at.z, at.entry.inverse, -1);
    const twofold log = add_log1p(at.entry.high, at.entry.low, r, 0);
    const double inverse = 0x1.71547652b82fep+0, inverse_low = 0x1.777d0ffda0d24p-56; /* 1 / ln2 */
    const double high = log.high * inverse;
    const double low = __builtin_fma(log.high, inverse, -high);
    const double rest = __builtin_fma(log.high, inverse_low, log.low * inverse) + low;
    const twofold sum = sum_of(at.exponent, high);
    return sum.high + (sum.low + rest);
}

/* x^y where x or y is 0, infinite or not a number, or x is below 0 */
static double pow_of_special(double x, double y)
{
    if (y == 0 || x == 1)
        return 1;
    if (isnan(x) || isnan(y) || x < 0)
        return NAN;
    const bool large = isinf(y) ? x > 1 : x > 0; /* of x^|y| */
    return large == (y > 0) ? INFINITY : 0;
}

double tw_pow(double x, double y)
{
    if (!is_ordinary(x) || !isfinite(y) || y == 0)
        return pow_of_special(x, y);
    const twofold log = log_core(x, 0);
    const double product = y * log.high;
    if (!(product > -800 && product < 800))
        return product > 0 ? INFINITY : 0;
    return exp_core(product, __builtin_fma(y, log.low, __builtin_fma(y, log.high, -product)));
}
