#ifndef TW_TENSOR_KERNELS_LANES_H
#define TW_TENSOR_KERNELS_LANES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Vectors of fp32 as the instruction level of this translation unit has them. A kernel source is
 * compiled once per level (Makefile: TW_LEVEL); TW_LANES is the level's vector width. Vectors run
 * over the outputs of a product, never over the sum, so every level computes the same bits. */

#if defined(__AVX512F__)
#include <immintrin.h>
enum { TW_LANES = 16 };
#elif defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
enum { TW_LANES = 8 };
#elif defined(__aarch64__)
#include <arm_neon.h>
enum { TW_LANES = 4 };
#else
enum { TW_LANES = 4 };
#endif

typedef float tw_lanes __attribute__((vector_size(TW_LANES * sizeof(float))));
typedef float tw_quad __attribute__((vector_size(16)));

/* The name of a function in this level: tw_product_block_v3. */
#define TW_PASTE(name, level) name##_##level
#define TW_EXPAND(name, level) TW_PASTE(name, level)
#define TW_AT_LEVEL(name) TW_EXPAND(name, TW_LEVEL)

static inline tw_lanes tw_load(const float *from)
{
    tw_lanes x;
    memcpy(&x, from, sizeof x);
    return x;
}

static inline void tw_store(float *to, tw_lanes x)
{
    memcpy(to, &x, sizeof x);
}

static inline tw_quad tw_load_quad(const float *from)
{
    tw_quad x;
    memcpy(&x, from, sizeof x);
    return x;
}

/* bf16 is the upper half of an fp32. */
static inline tw_quad tw_widen_quad(const uint16_t *from)
{
    typedef uint16_t halves __attribute__((vector_size(8)));
    typedef uint32_t words __attribute__((vector_size(16)));
    halves half;
    memcpy(&half, from, sizeof half);
    const words bits = __builtin_convertvector(half, words) << 16;
    tw_quad x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

typedef uint32_t tw_lane_bits __attribute__((vector_size(TW_LANES * sizeof(uint32_t))));

/* Of the two bf16 in each number's bits, the lower and the upper one, widened. */
static inline tw_lanes tw_lower_halves(tw_lanes x)
{
    tw_lane_bits bits;
    memcpy(&bits, &x, sizeof bits);
    bits <<= 16;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline tw_lanes tw_upper_halves(tw_lanes x)
{
    tw_lane_bits bits;
    memcpy(&bits, &x, sizeof bits);
    bits &= 0xffff0000U;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline tw_lanes tw_broadcast(float x)
{
    return x - (tw_lanes){0};
}

/* a * b + c, rounded once. */
static inline tw_lanes tw_fma(tw_lanes a, tw_lanes b, tw_lanes c)
{
#if defined(__AVX512F__)
    return _mm512_fmadd_ps(a, b, c);
#elif defined(__AVX2__) && defined(__FMA__)
    return _mm256_fmadd_ps(a, b, c);
#elif defined(__aarch64__)
    return vfmaq_f32(c, a, b);
#else
    for (int i = 0; i < TW_LANES; i++)
        c[i] = __builtin_fmaf(a[i], b[i], c[i]);
    return c;
#endif
}

/* a > b ? a : b, number by number: a NaN in a is passed over. */
static inline tw_lanes tw_larger(tw_lanes a, tw_lanes b)
{
#if defined(__AVX512F__)
    return _mm512_max_ps(a, b);
#elif defined(__AVX2__) && defined(__FMA__)
    return _mm256_max_ps(a, b);
#else
    for (int i = 0; i < TW_LANES; i++)
        b[i] = a[i] > b[i] ? a[i] : b[i];
    return b;
#endif
}

/* Quad q of the result is from[q]. */
static inline tw_lanes tw_join_quads(const tw_quad *from)
{
#if defined(__AVX512F__)
    tw_lanes x = _mm512_broadcast_f32x4(from[0]); /* loads that need no shuffle */
    x = _mm512_mask_broadcast_f32x4(x, 0x00f0, from[1]);
    x = _mm512_mask_broadcast_f32x4(x, 0x0f00, from[2]);
    return _mm512_mask_broadcast_f32x4(x, 0xf000, from[3]);
#elif defined(__AVX2__) && defined(__FMA__)
    return _mm256_set_m128(from[1], from[0]);
#else
    return from[0];
#endif
}

/* Rows and columns of four quads change places. */
static inline void tw_transpose_quad(tw_quad *x)
{
    const tw_quad a = __builtin_shufflevector(x[0], x[1], 0, 4, 1, 5);
    const tw_quad b = __builtin_shufflevector(x[0], x[1], 2, 6, 3, 7);
    const tw_quad c = __builtin_shufflevector(x[2], x[3], 0, 4, 1, 5);
    const tw_quad d = __builtin_shufflevector(x[2], x[3], 2, 6, 3, 7);
    x[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
    x[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
    x[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
    x[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
}

/* In each quad of four vectors, rows and columns change places: what was number i in the quad of
 * x[j] becomes number j in that of x[i]. */
static inline void tw_transpose_quads(tw_lanes *x)
{
#if defined(__AVX512F__)
    const tw_lanes a = _mm512_unpacklo_ps(x[0], x[1]), b = _mm512_unpackhi_ps(x[0], x[1]);
    const tw_lanes c = _mm512_unpacklo_ps(x[2], x[3]), d = _mm512_unpackhi_ps(x[2], x[3]);
    x[0] = _mm512_shuffle_ps(a, c, 0x44);
    x[1] = _mm512_shuffle_ps(a, c, 0xEE);
    x[2] = _mm512_shuffle_ps(b, d, 0x44);
    x[3] = _mm512_shuffle_ps(b, d, 0xEE);
#elif defined(__AVX2__) && defined(__FMA__)
    const tw_lanes a = _mm256_unpacklo_ps(x[0], x[1]), b = _mm256_unpackhi_ps(x[0], x[1]);
    const tw_lanes c = _mm256_unpacklo_ps(x[2], x[3]), d = _mm256_unpackhi_ps(x[2], x[3]);
    x[0] = _mm256_shuffle_ps(a, c, 0x44);
    x[1] = _mm256_shuffle_ps(a, c, 0xEE);
    x[2] = _mm256_shuffle_ps(b, d, 0x44);
    x[3] = _mm256_shuffle_ps(b, d, 0xEE);
#else
    tw_transpose_quad(x);
#endif
}

#endif
