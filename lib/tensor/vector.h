#ifndef TW_TENSOR_VECTOR_H
#define TW_TENSOR_VECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Loops over rows, written so that the compiler vectorizes them. Sums use a
 * fixed lane order (`omp simd reduction`), so a result depends on the operands
 * and the build only. */

/* exp(x), relative error below 3e-7 for x in [-87, 88]; clamped beyond. Cody-Waite
 * reduction and a degree 6 polynomial; branch-free, so loops over it vectorize. */
static inline float tw_exp(float x)
{
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    float shifted = x * 1.44269504f + magic;
    float n = shifted - magic;
    float r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits << 23) + 0x3f800000u; /* magic's own bits leave with the shift */
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return p * scale;
}

static inline float tw_row_max(const float *x, size_t n)
{
    float max = x[0];
#pragma omp simd reduction(max : max)
    for (size_t i = 0; i < n; i++)
        max = x[i] > max ? x[i] : max;
    return max;
}

static inline float tw_row_sum(const float *x, size_t n)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

static inline float tw_row_dot(const float *a, const float *b, size_t n)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* x[i] = exp(x[i] - max); returns the sum. */
static inline float tw_row_exp(float *x, size_t n, float max)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) {
        x[i] = tw_exp(x[i] - max);
        sum += x[i];
    }
    return sum;
}

/* That sum alone. */
static inline float tw_row_exp_sum(const float *x, size_t n, float max)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++)
        sum += tw_exp(x[i] - max);
    return sum;
}

static inline void tw_row_scale(float *x, size_t n, float factor)
{
    for (size_t i = 0; i < n; i++)
        x[i] *= factor;
}

/* y += factor * x */
static inline void tw_row_axpy(float *restrict y, const float *restrict x, size_t n, float factor)
{
    for (size_t i = 0; i < n; i++)
        y[i] += factor * x[i];
}

#endif
