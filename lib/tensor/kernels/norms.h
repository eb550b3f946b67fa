#ifndef TW_TENSOR_KERNELS_NORMS_H
#define TW_TENSOR_KERNELS_NORMS_H

#include <stdbool.h>
#include <stddef.h>

/* Rows of LayerNorm and RMSNorm (op.h) and their gradients, at each instruction level. */

typedef struct tw_norm_row {
    size_t n;
    const float *x, *gain; /* [n] */
    float mean;            /* of x; RMSNorm has 0 */
    float scale;           /* 1 / sqrt(variance or mean square + epsilon) */
} tw_norm_row;

typedef struct tw_norm_gradient {
    const float *dy;      /* [n] */
    float *dx;            /* [n], added to; NULL: none is wanted */
    float *dgain, *dbias; /* [n], added to; dbias NULL: RMSNorm */
} tw_norm_gradient;

typedef struct tw_norm_kernels {
    /* y = (x - mean) scale gain + bias; bias NULL: nothing is added */
    void (*forward)(const tw_norm_row *row, const float *bias, float *restrict y);
    /* With z = (x - mean) scale and g = dy gain:
     *   dgain += dy z, dbias += dy, dx += (g - [mean of g] - z mean of (g z)) scale,
     * where LayerNorm alone has the term in brackets. */
    void (*backward)(const tw_norm_row *row, const tw_norm_gradient *gradient);
} tw_norm_kernels;

#endif
