#ifndef TW_TENSOR_WEIGHT_H
#define TW_TENSOR_WEIGHT_H

#include <stdbool.h>
#include <stddef.h>

#include "tensor/tensor.h"

/* A weight where it lies: fp32 (x), or bf16 in a map (half), which is widened to fp32 as it is
 * read. What is computed is that of the widened matrix, bit for bit. */

/* C[m, n] = A op(W), or C += that, row-major; op(W) is W [k, n] or, transposed, that of W [n, k].
 * The bits of a row of C depend on that row of A (kernels/product.h). */
void tw_weight_gemm(bool transposed, size_t m, const float *a, size_t lda, const tw_tensor *weight,
                    bool add, float *c, size_t ldc);

/* to[width] = a row of the weight, or += it. */
void tw_weight_row(const tw_tensor *weight, size_t row, bool add, float *to);

/* All values, to[rows * width]. */
void tw_weight_values(const tw_tensor *weight, float *to);

#endif
