#ifndef TW_TENSOR_GEMM_H
#define TW_TENSOR_GEMM_H

#include <stdbool.h>
#include <stddef.h>

/* C[m, n] = alpha op(A) op(B) + beta C, row-major, leading dimensions in floats. */
void tw_gemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, float alpha,
             const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c,
             size_t ldc);

/* The same for op(A) = A, beta 0, alpha 1, in tiles of TW_ROW_TILE rows, the last
 * one padded, and TW_COLUMN_TILE columns: every row goes through a call of one and the same shape,
 * so its bits do not depend on which or how many rows stand beside it. For decoding.
 *
 * A tile of another height is used where it is quicker (8, 16 or 32 rows for the last few, 128 or
 * 256 for many), and for the very few no tile at all (gemm-few.h), but only with the bits of a tile
 * of TW_ROW_TILE rows. Whether it has them depends on the library, the processor and the shape, so
 * it is never assumed: tw_tile_is_same tells. */
enum { TW_ROW_TILE = 64, TW_COLUMN_TILE = 256, TW_TALLEST_TILE = 256 };
void tw_gemm_rows(bool transpose_b, size_t m, size_t n, size_t k, const float *a, size_t lda,
                  const float *b, size_t ldb, float *c, size_t ldc);

/* Whether the rows of op(B)'s shape [k, n] come out of a call of `height` rows (at most
 * TW_TALLEST_TILE) as they come out of one of TW_ROW_TILE, wherever in the tile they stand. Tried
 * with random numbers and compared byte for byte, once in a process for a shape and height. */
bool tw_tile_is_same(bool transpose_b, size_t n, size_t k, size_t height);

/* "OpenBLAS 0.3.21 SkylakeX, 2 threads" */
const char *tw_gemm_backend(void);

#endif
