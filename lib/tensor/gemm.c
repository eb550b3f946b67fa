#include "tensor/gemm.h"

#include <cblas.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"

void tw_gemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, float alpha,
             const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c,
             size_t ldc)
{
    if (m == 0 || n == 0)
        return;
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
                transpose_b ? CblasTrans : CblasNoTrans, (blasint)m, (blasint)n, (blasint)k, alpha,
                a, (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc);
}

/* The columns of a tile, with its rows, fix the shape of every call, and they split the work of a
 * wide output among threads when rows are few. */
typedef struct tile {
    size_t row, rows, column, columns;
} tile;

static void compute_tile(tile at, bool transpose_b, size_t k, const float *a, size_t lda,
                         const float *b, size_t ldb, float *c, size_t ldc)
{
    const float *b_tile = transpose_b ? b + at.column * ldb : b + at.column;
    const float *a_tile = a + at.row * lda;
    if (at.rows == TW_ROW_TILE) {
        tw_gemm(false, transpose_b, TW_ROW_TILE, at.columns, k, 1, a_tile, lda, b_tile, ldb, 0,
                c + at.row * ldc + at.column, ldc);
        return;
    }
    static _Thread_local tw_scratch scratch;
    float *padded_c =
        tw_scratch_room(&scratch, TW_ROW_TILE * (TW_COLUMN_TILE + k), sizeof *padded_c);
    float *padded_a = padded_c + (size_t)TW_ROW_TILE * TW_COLUMN_TILE;
    for (size_t i = 0; i < TW_ROW_TILE; i++) {
        if (i < at.rows)
            memcpy(padded_a + i * k, a_tile + i * lda, k * sizeof *a);
        else
            memset(padded_a + i * k, 0, k * sizeof *a);
    }
    tw_gemm(false, transpose_b, TW_ROW_TILE, at.columns, k, 1, padded_a, k, b_tile, ldb, 0,
            padded_c, TW_COLUMN_TILE);
    for (size_t i = 0; i < at.rows; i++)
        memcpy(c + (at.row + i) * ldc + at.column, padded_c + i * TW_COLUMN_TILE,
               at.columns * sizeof *c);
}

void tw_gemm_rows(bool transpose_b, size_t m, size_t n, size_t k, const float *a, size_t lda,
                  const float *b, size_t ldb, float *c, size_t ldc)
{
    size_t row_tiles = (m + TW_ROW_TILE - 1) / TW_ROW_TILE;
    size_t column_tiles = (n + TW_COLUMN_TILE - 1) / TW_COLUMN_TILE;
    /* Inside a parallel region OpenBLAS computes each call on one thread. */
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < row_tiles * column_tiles; i++) {
        tile at = {.row = i / column_tiles * TW_ROW_TILE,
                   .column = i % column_tiles * TW_COLUMN_TILE};
        at.rows = m - at.row < TW_ROW_TILE ? m - at.row : TW_ROW_TILE;
        at.columns = n - at.column < TW_COLUMN_TILE ? n - at.column : TW_COLUMN_TILE;
        compute_tile(at, transpose_b, k, a, lda, b, ldb, c, ldc);
    }
}

const char *tw_gemm_backend(void)
{
    static char text[256];
    if (!text[0])
        snprintf(text, sizeof text, "%s, %d threads", openblas_get_config(),
                 openblas_get_num_threads());
    return text;
}
