#ifndef TW_TENSOR_KERNELS_FUNCTIONS_H
#define TW_TENSOR_KERNELS_FUNCTIONS_H
#include <math.h>
#include <stdint.h>
#include <string.h>
static inline float tw_expf(float x)
{
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    float shifted = __builtin_fmaf(x, 1.44269504f, magic);
    float n = shifted - magic;
    float r = __builtin_fmaf(n, -0.693359375f, x);
    r = __builtin_fmaf(n, 2.12194440e-4f, r);
    float p = 1.9875691500e-4f;
    p = __builtin_fmaf(p, r, 1.3981999507e-3f);
    p = __builtin_fmaf(p, r, 8.3334519073e-3f);
    p = __builtin_fmaf(p, r, 4.1665795894e-2f);
    p = __builtin_fmaf(p, r, 1.6666665459e-1f);
    p = __builtin_fmaf(p, r, 5.0000001201e-1f);
    p = __builtin_fmaf(p * r, r, r) + 1.0f;
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits << 23) + 0x3f800000u; /* magic's own bits leave with the shift */
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return p * scale;
}
static inline float tw_sigmoidf(float x)
{
    return 1.0f / (1.0f + tw_expf(-x));
}
static inline float tw_erff(float x)
{
    return erff(x);
}
#endif
