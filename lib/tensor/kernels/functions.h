#ifndef TW_TENSOR_KERNELS_FUNCTIONS_H
#define TW_TENSOR_KERNELS_FUNCTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Elementary functions of floats for inner loops: selects in place of branches, so that loops
 * over them vectorize, and nothing but exactly rounded operations, so that a result is the same
 * in a vector of any width, in a scalar, under any compiler and any options. A sum of a product
 * is always an explicit fma.
 *
 * Special values are those of C99, Annex F. Subnormal numbers are kept, as arguments and as
 * results. The largest error over all floats, in units in the last place:
 *
 *     exp 0.88   log 0.94   tanh 1.75   erf 1.85   sigmoid 1.97 */

static inline uint32_t tw_float_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float tw_float_from(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* 2^n, n in [-126, 127] */
static inline float tw_float_power(int32_t n)
{
    return tw_float_from((uint32_t)(n + 127) << 23);
}

static inline float tw_float_with_sign(float size, float sign)
{
    return tw_float_from((tw_float_bits(size) & 0x7fffffff) | (tw_float_bits(sign) & 0x80000000));
}

/* x = octaves ln2 + rest, |rest| < 0.347; the exact rest is main + low. */
typedef struct tw_float_reduced {
    int32_t octaves;
    float rest, main, low;
} tw_float_reduced;

/* |x| < 2^21 */
static inline tw_float_reduced tw_float_reduce(float x)
{
    const float magic = 0x1.8p23F; /* adding it rounds to an integer */
    const float shifted = __builtin_fmaf(x, 0x1.715476p+0F, magic), n = shifted - magic;
    const float main = __builtin_fmaf(n, -0x1.62e43p-1F, x); /* exact */
    return (tw_float_reduced){.octaves = (int32_t)(tw_float_bits(shifted) - 0x4b400000),
                              .rest = __builtin_fmaf(n, 0x1.05c61p-29F, main),
                              .main = main,
                              .low = n * 0x1.05c61p-29F};
}

static inline float tw_expf(float x)
{
    x = x > 89 ? 89 : x;
    x = x < -104 ? -104 : x;
    const tw_float_reduced at = tw_float_reduce(x);
    const float r = at.rest;
    float q = __builtin_fmaf(r, 0x1.6a4d5cp-10F, 0x1.12398ep-7F);
    q = __builtin_fmaf(q, r, 0x1.5558bp-5F);
    q = __builtin_fmaf(q, r, 0x1.555492p-3F);
    q = __builtin_fmaf(q, r, 0x1.fffffcp-2F);
    const float y = __builtin_fmaf(q, r * r, at.low) + at.main + 1;
    const int32_t half = at.octaves >> 1; /* two steps: 2^octaves alone may be out of range */
    return y * tw_float_power(half) * tw_float_power(at.octaves - half);
}

/* exp(x) - 1 for x <= 0 */
static inline float tw_float_expm1(float x)
{
    x = x < -20 ? -20 : x;
    const tw_float_reduced at = tw_float_reduce(x);
    const float r = at.rest;
    float q = __builtin_fmaf(r, 0x1.6b9c78p-10F, 0x1.12254cp-7F);
    q = __builtin_fmaf(q, r, 0x1.5556f2p-5F);
    q = __builtin_fmaf(q, r, 0x1.5554b4p-3F);
    q = __builtin_fmaf(q, r, 0x1.fffffep-2F);
    const float y = __builtin_fmaf(q, r * r, r), power = tw_float_power(at.octaves);
    return __builtin_fmaf(power, y, power - 1);
}

/* x = 2^k z, z in [2/3, 4/3) */
static inline float tw_logf(float x)
{
    const bool tiny = x < 0x1p-126F;
    const uint32_t bits = tw_float_bits(tiny ? x * 0x1p23F : x);
    const int32_t k = (int32_t)(bits - 0x3f2aaaab) >> 23;
    const float n = (float)(tiny ? k - 23 : k);
    const float r = tw_float_from(bits - ((uint32_t)k << 23)) - 1;
    float q = __builtin_fmaf(r, -0x1.07c48ap-3F, 0x1.1e6ccap-3F);
    q = __builtin_fmaf(q, r, -0x1.f332b8p-4F);
    q = __builtin_fmaf(q, r, 0x1.1ed562p-3F);
    q = __builtin_fmaf(q, r, -0x1.559c66p-3F);
    q = __builtin_fmaf(q, r, 0x1.99d05p-3F);
    q = __builtin_fmaf(q, r, -0x1.fffefap-3F);
    q = __builtin_fmaf(q, r, 0x1.555506p-2F);
    q = __builtin_fmaf(q, r, -0.5F);
    float y = __builtin_fmaf(q, r * r, r);
    y = __builtin_fmaf(n, 0x1.62e43p-1F, __builtin_fmaf(n, -0x1.05c61p-29F, y));
    y = x < __builtin_inff() ? y : x; /* infinite or not a number */
    y = x == 0 ? -__builtin_inff() : y;
    return x < 0 ? __builtin_nanf("") : y;
}

/* Below log(3)/2, where tanh is 1/2, x + x^3 q(x^2); from there on 1 - 2 e / (1 + e) with
 * e = exp(-2 |x|). */
static inline float tw_tanhf(float x)
{
    const float size = tw_float_with_sign(x, 1), z = x * x, below = tw_float_expm1(-2 * size);
    const float large = 1 - 2 * (below + 1) / (below + 2);
    float q = __builtin_fmaf(z, -0x1.995694p-8F, 0x1.58ec78p-6F);
    q = __builtin_fmaf(q, z, -0x1.b91f2p-5F);
    q = __builtin_fmaf(q, z, 0x1.110cfp-3F);
    q = __builtin_fmaf(q, z, -0x1.55554ap-2F);
    const float small = __builtin_fmaf(q, z * size, size);
    return tw_float_with_sign(size < 0x1.193ea8p-1F ? small : large, x);
}

/* 1 - e^-u; u / |x| is a polynomial in |x|, fitted to -log(1 - erf(x)) / x. */
static inline float tw_erff(float x)
{
    float size = tw_float_with_sign(x, 1);
    size = size > 4 ? 4 : size;
    float q = __builtin_fmaf(size, -0x1.388dfcp-17F, 0x1.efd864p-14F);
    q = __builtin_fmaf(q, size, -0x1.4cfa4ep-11F);
    q = __builtin_fmaf(q, size, 0x1.b63314p-10F);
    q = __builtin_fmaf(q, size, -0x1.5b0288p-13F);
    q = __builtin_fmaf(q, size, -0x1.39c0dcp-6F);
    q = __builtin_fmaf(q, size, 0x1.a4f95ep-4F);
    q = __builtin_fmaf(q, size, 0x1.45f2fep-1F);
    q = __builtin_fmaf(q, size, -0x1.f7ac92p-25F);
    const float u = __builtin_fmaf(size, 0x1.20dd76p+0F, size * q);
    return tw_float_with_sign(tw_float_expm1(-u), x);
}

/* 1 / (1 + e^-x), with e^-|x| */
static inline float tw_sigmoidf(float x)
{
    const float e = tw_expf(-tw_float_with_sign(x, 1)), sum = 1 + e, lost = e - (sum - 1);
    const float y = (x < 0 ? e : 1) / sum;
    return __builtin_fmaf(-lost, y, y);
}

#endif
