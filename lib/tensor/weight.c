#include "tensor/weight.h"

#include <string.h>

#include "core/memory.h"
#include "tensor/gemm-few.h"
#include "tensor/gemm.h"

/* Rows of W [k, n] that are widened at once: what a tile of columns takes is then some MB, however
 * large a vocabulary is. */
enum { DEPTH = 4096 };

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

/* [rows, columns] from row and column on, end to end; valid until the thread's next call. */
static const float *widen_tile(const tw_tensor *weight, size_t row, size_t rows, size_t column,
                               size_t columns)
{
    static _Thread_local tw_scratch scratch;
    float *tile = tw_scratch_room(&scratch, rows * columns, sizeof *tile);
    for (size_t r = 0; r < rows; r++)
        widen(weight->half + (row + r) * weight->width + column, columns, tile + r * columns);
    return tile;
}

/* Columns first .. first + n of C, where op(W) is W: a depth at a time. */
static void add_depths(size_t m, size_t first, size_t n, const float *a, size_t lda,
                       const tw_tensor *weight, float beta, float *c, size_t ldc)
{
    for (size_t at = 0; at < weight->rows; at += DEPTH) {
        size_t depth = weight->rows - at < DEPTH ? weight->rows - at : DEPTH;
        const float *tile = widen_tile(weight, at, depth, first, n);
        tw_gemm(false, false, m, n, depth, 1, a + at, lda, tile, n, at == 0 ? beta : 1, c + first,
                ldc);
    }
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

void tw_weight_gemm(bool transposed, size_t m, const float *a, size_t lda, const tw_tensor *weight,
                    float beta, float *c, size_t ldc)
{
    size_t n = transposed ? weight->rows : weight->width;
    size_t k = transposed ? weight->width : weight->rows;
    if (!weight->half) {
        tw_gemm(false, transposed, m, n, k, 1, a, lda, weight->x, weight->width, beta, c, ldc);
        return;
    }
    /* Inside a parallel region OpenBLAS computes each call on one thread. */
#pragma omp parallel for schedule(dynamic)
    for (size_t at = 0; at < n; at += TW_COLUMN_TILE) {
        size_t columns = smaller(n - at, TW_COLUMN_TILE);
        if (transposed)
            tw_gemm(false, true, m, columns, k, 1, a, lda, widen_tile(weight, at, columns, 0, k), k,
                    beta, c + at, ldc);
        else
            add_depths(m, at, columns, a, lda, weight, beta, c, ldc);
    }
}

/* Columns at .. at + columns of C for a weight in bf16. */
static void compute_half(bool transposed, size_t m, size_t at, size_t columns, size_t k,
                         const float *a, size_t lda, const tw_tensor *weight, float *c, size_t ldc)
{
    const size_t width = weight->width;
    size_t depth = m <= TW_FEW_ROWS ? tw_few_depth(transposed, columns, k) : 0;
    if (depth) { /* as it lies */
        const uint16_t *half = weight->half + (transposed ? at * width : at);
        const tw_few few = {NULL, half, width, transposed, columns, k, depth};
        tw_gemm_few(&few, m, a, lda, c + at, ldc);
        return;
    }
    const float *tile =
        transposed ? widen_tile(weight, at, columns, 0, k) : widen_tile(weight, 0, k, at, columns);
    tw_gemm_rows(transposed, m, columns, k, a, lda, tile, transposed ? k : columns, c + at, ldc);
}

void tw_weight_gemm_rows(bool transposed, size_t m, const float *a, size_t lda,
                         const tw_tensor *weight, float *c, size_t ldc)
{
    size_t n = transposed ? weight->rows : weight->width;
    size_t k = transposed ? weight->width : weight->rows;
    if (!weight->half) {
        tw_gemm_rows(transposed, m, n, k, a, lda, weight->x, weight->width, c, ldc);
        return;
    }
#pragma omp parallel for schedule(dynamic)
    for (size_t at = 0; at < n; at += TW_COLUMN_TILE) {
        size_t columns = smaller(n - at, TW_COLUMN_TILE);
        compute_half(transposed, m, at, columns, k, a, lda, weight, c, ldc);
    }
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
