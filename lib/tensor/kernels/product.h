#ifndef TW_TENSOR_KERNELS_PRODUCT_H
#define TW_TENSOR_KERNELS_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Matrix products whose bits are defined.
 *
 * C[m, n] = op(A) (alpha op(B)), or C += that. Each element of C is one chain of fused
 * multiply-adds over ascending depth l,
 *
 *     c = fma(op(A)[i, l], alpha op(B)[l, j], c),   l = 0 .. k-1,
 *
 * which begins with 0 or with what C holds; alpha op(B)[l, j] is rounded to fp32. Nothing else
 * (other rows and columns, blocks, threads, the instruction level) has a part in an element. */
typedef struct tw_product {
    size_t m, n, k;
    const float *a; /* op(A) is [m, k]: a[i * lda + l], transposed a[l * lda + i] */
    size_t lda;
    bool transpose_a;
    const float *b;      /* op(B) is [k, n]: b[l * ldb + j], transposed b[j * ldb + l] */
    const uint16_t *b16; /* the same as bf16, where b is NULL */
    size_t ldb;
    bool transpose_b;
    float alpha;
    bool add; /* chains begin with what C holds */
    float *c; /* [m, n], row-major */
    size_t ldc;
} tw_product;

/* A rectangle of C, and scratch for packed blocks of A and B: tw_product_scratch floats. */
typedef struct tw_product_part {
    size_t row, rows, column, columns;
    float *scratch; /* 64-byte aligned */
} tw_product_part;

/* Block sizes: rows and depth of A that are packed at a time, and the widest panel of B. They
 * shape the work, not the result. */
enum { TW_BLOCK_ROWS = 240, TW_BLOCK_DEPTH = 320, TW_PANEL_MOST = 48 };

static inline size_t tw_product_scratch(void)
{
    return (size_t)TW_BLOCK_DEPTH * (TW_BLOCK_ROWS + TW_PANEL_MOST);
}

#endif
