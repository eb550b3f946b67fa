#include "tensor/weight.h"

#include <string.h>

#include "tensor/gemm.h"

static float from_bf16(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void widen(const uint16_t *restrict from, size_t count, float *restrict to)
{
    for (size_t i = 0; i < count; i++)
        to[i] = from_bf16(from[i]);
}

void tw_weight_gemm(bool transposed, size_t m, const float *a, size_t lda, const tw_tensor *weight,
                    bool add, float *c, size_t ldc)
{
    const tw_product product = {.m = m,
                                .n = transposed ? weight->rows : weight->width,
                                .k = transposed ? weight->width : weight->rows,
                                .a = a,
                                .lda = lda,
                                .b = weight->half ? NULL : weight->x,
                                .b16 = weight->half,
                                .ldb = weight->width,
                                .transpose_b = transposed,
                                .alpha = 1,
                                .add = add,
                                .c = c,
                                .ldc = ldc};
    tw_product_run(&product);
}

void tw_weight_row(const tw_tensor *weight, size_t row, bool add, float *to)
{
    size_t n = weight->width;
    if (weight->half) {
        const uint16_t *half = weight->half + row * n;
        for (size_t j = 0; j < n; j++)
            to[j] = (add ? to[j] : 0.0F) + from_bf16(half[j]);
        return;
    }
    const float *x = weight->x + row * n;
    for (size_t j = 0; add && j < n; j++)
        to[j] += x[j];
    if (!add)
        memcpy(to, x, n * sizeof *to);
}

void tw_weight_values(const tw_tensor *weight, float *to)
{
    size_t count = weight->rows * weight->width;
    if (weight->half)
        widen(weight->half, count, to);
    else
        memcpy(to, weight->x, count * sizeof *to);
}
