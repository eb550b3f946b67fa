#ifndef TW_TENSOR_GEMM_H
#define TW_TENSOR_GEMM_H

#include <stdbool.h>
#include <stddef.h>

#include "tensor/kernels/product.h"

/* Matrix products on all threads (on one inside a parallel region). The bits of an element are
 * defined by its row of op(A), its column of op(B) and what C held (kernels/product.h), so how the
 * work is cut among threads has no part in them. */
void tw_product_run(const tw_product *product);

/* C[m, n] = alpha op(A) op(B), or += that with beta 1 (beta is 0 or 1); row-major, leading
 * dimensions in floats. */
void tw_gemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, float alpha,
             const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c,
             size_t ldc);

/* What computes products: our own kernels, or OpenBLAS, whose bits depend on the processor, the
 * threads and the library. */
typedef enum tw_gemm_backend { TW_GEMM_OWN, TW_GEMM_OPENBLAS } tw_gemm_backend;
#define TW_GEMM_NAMES "own|openblas"
void tw_gemm_use(tw_gemm_backend backend);

/* Bytes of scratch memory that products take on each thread. */
size_t tw_gemm_scratch(void);

/* "own kernels v4, 2 threads"; "OpenBLAS 0.3.21 SkylakeX, 2 threads" */
const char *tw_gemm_name(void);

#endif
