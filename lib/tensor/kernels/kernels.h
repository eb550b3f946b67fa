#ifndef TW_TENSOR_KERNELS_KERNELS_H
#define TW_TENSOR_KERNELS_KERNELS_H

#include "tensor/kernels/elements.h"
#include "tensor/kernels/norms.h"
#include "tensor/kernels/product.h"
#include "tensor/kernels/rows.h"

/* The kernels: one set a level of instructions, all of which compute the same bits. The set is
 * chosen once, before main, by what the processor has. The environment's TW_KERNELS names another:
 * `scalar` (plain C, without vector instructions; slow without hardware FMA), on x86-64 `v3`
 * (AVX2 and FMA) and `v4` (AVX-512), on arm64 `neon`. */

typedef struct tw_kernels {
    const char *name;
    void (*product_part)(const tw_product *product, const tw_product_part *part);
    const tw_row_kernels *row;
    const tw_element_kernels *element;
    const tw_norm_kernels *norm;
} tw_kernels;

/* The chosen set. */
extern const tw_kernels *tw_kernel;

/* Fails when TW_KERNELS names no set, or one that this processor cannot run; the best set is chosen
 * then. */
int tw_kernels_check(void);

/* The sets that this processor can run, best first; NULL past the last. */
const tw_kernels *tw_kernels_at(size_t index);

/* Chooses a set by its name; false when there is none that this processor can run. For tests. */
bool tw_kernels_choose(const char *name);

static inline float tw_row_max(const float *x, size_t n)
{
    return tw_kernel->row->max(x, n);
}

static inline float tw_row_sum(const float *x, size_t n)
{
    return tw_kernel->row->sum(x, n);
}

static inline float tw_row_dot(const float *a, const float *b, size_t n)
{
    return tw_kernel->row->dot(a, b, n);
}

static inline float tw_row_exp(float *x, size_t n, float max)
{
    return tw_kernel->row->exp(x, n, max);
}

static inline float tw_row_exp_sum(const float *x, size_t n, float max)
{
    return tw_kernel->row->exp_sum(x, n, max);
}

static inline void tw_row_scale(float *x, size_t n, float factor)
{
    tw_kernel->row->scale(x, n, factor);
}

static inline void tw_row_axpy(float *restrict y, const float *restrict x, size_t n, float factor)
{
    tw_kernel->row->axpy(y, x, n, factor);
}

#endif
