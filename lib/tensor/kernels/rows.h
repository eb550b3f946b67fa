#ifndef TW_TENSOR_KERNELS_ROWS_H
#define TW_TENSOR_KERNELS_ROWS_H

#include <stddef.h>

/* Functions of rows, x[n] and the like, at each instruction level.
 *
 * A sum over a row runs in 16 lanes: number i goes to lane i % 16, in ascending order, and the
 * lanes are added in halves (8 to 15 to 0 to 7, then 4 to 7 to 0 to 3, ...). Products that are
 * summed enter by fused multiply-add. So a sum depends on the row alone, at every level. */

enum { TW_SUM_LANES = 16 };

/* A row is also cut into parts of TW_ROW_PART numbers, for the mass of each, and into strips of
 * TW_ROW_STRIP, for the largest of each; the last ones may be shorter. */
enum { TW_ROW_PART = 512, TW_ROW_STRIP = 128 };

/* Of a row of logits z[n] with maximum `max`: sum of exp(z - max), and of exp(z - max) (z - max).
 */
typedef struct tw_exp_sums {
    float sum, weighted;
} tw_exp_sums;

/* d loss / d logits of a token: nll_weight p - entropy_weight p (log p + entropy), where
 * log p = z - log_z. */
typedef struct tw_logit_gradient {
    float log_z, entropy, nll_weight, entropy_weight;
} tw_logit_gradient;

typedef struct tw_row_kernels {
    float (*max)(const float *x, size_t n); /* NaN are passed over, unless x[0] is one */
    float (*sum)(const float *x, size_t n);
    float (*dot)(const float *a, const float *b, size_t n);
    /* sum of (x - mean)^2 */
    float (*squares)(const float *x, size_t n, float mean);
    /* x[i] = exp(x[i] - max); returns the sum. */
    float (*exp)(float *x, size_t n, float max);
    /* That sum alone. */
    float (*exp_sum)(const float *x, size_t n, float max);
    tw_exp_sums (*exp_sums)(const float *x, size_t n, float max);
    /* In one pass: tops[i], the largest number of strip i, and unless `sums` is NULL sums[j] of
     * exp(scale (x - top)) over part j, top its largest number or 0 if that is -infinity. */
    void (*parts)(const float *x, size_t n, float scale, float *tops, float *sums);
    /* x = exp(scale (x - max)) */
    void (*exp_scaled)(float *x, size_t n, float max, float scale);
    /* Logits become their gradient. */
    void (*logit_gradient)(float *z, size_t n, const tw_logit_gradient *of);
    /* ds = p (ds - mean) */
    void (*softmax_gradient)(float *restrict ds, const float *restrict p, size_t n, float mean);
    void (*scale)(float *x, size_t n, float factor); /* x *= factor */
    /* y = fma(factor, x, y) */
    void (*axpy)(float *restrict y, const float *restrict x, size_t n, float factor);
} tw_row_kernels;

#endif
