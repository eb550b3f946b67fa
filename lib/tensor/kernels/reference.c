/* The definition of a product, word by word: what every level is held to, and what machines without
 * vector instructions compute. */

#include <math.h>

#include "tensor/kernels/product.h"

static float widen(uint16_t half)
{
    union {
        uint32_t bits;
        float value;
    } x = {.bits = (uint32_t)half << 16};
    return x.value;
}

static float a_at(const tw_product *p, size_t i, size_t l)
{
    return p->a[p->transpose_a ? l * p->lda + i : i * p->lda + l];
}

static float b_at(const tw_product *p, size_t l, size_t j)
{
    const size_t at = p->transpose_b ? j * p->ldb + l : l * p->ldb + j;
    return p->b ? p->b[at] : widen(p->b16[at]);
}

void tw_product_part_scalar(const tw_product *p, const tw_product_part *part)
{
    for (size_t i = part->row; i < part->row + part->rows; i++)
        for (size_t j = part->column; j < part->column + part->columns; j++) {
            float sum = p->add ? p->c[i * p->ldc + j] : 0;
            for (size_t l = 0; l < p->k; l++)
                sum = fmaf(a_at(p, i, l), p->alpha * b_at(p, l, j), sum);
            p->c[i * p->ldc + j] = sum;
        }
}
