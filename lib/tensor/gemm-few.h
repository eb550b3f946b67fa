#ifndef TW_TENSOR_GEMM_FEW_H
#define TW_TENSOR_GEMM_FEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Products of few rows, straight from where B lies: a library first copies B into an order of its
 * own, which for few rows takes longer than the product; and bf16 would have to be widened in
 * memory before.
 *
 * Each element is a chain of k multiply-adds, begun anew after a number of them that the library
 * chooses. With the same beginnings the bits are those of the library's; whether they are, and
 * which it chooses, is found by trying (tw_few_depth). */

enum { TW_FEW_ROWS = 8 };

/* op(B)'s shape is [k, n], n at most TW_COLUMN_TILE: B is [k, n] or, transposed, [n, k]. */
typedef struct tw_few {
    const float *x; /* NULL: bf16 */
    const uint16_t *half;
    size_t ldb;
    bool transposed;
    size_t n, k, depth; /* depth: see tw_few_depth */
} tw_few;

/* C[m, n] = A[m, k] op(B), m at most TW_FEW_ROWS. */
void tw_gemm_few(const tw_few *b, size_t m, const float *a, size_t lda, float *c, size_t ldc);

/* The depth with which tw_gemm_few gives the bits of a tile of TW_ROW_TILE rows (tw_gemm_rows) for
 * this shape; 0 when there is none. Tried once in a process for a shape. */
size_t tw_few_depth(bool transposed, size_t n, size_t k);

#endif
