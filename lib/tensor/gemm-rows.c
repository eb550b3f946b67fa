#include <omp.h>
#include <string.h>

#include "core/memory.h"
#include "tensor/gemm-few.h"
#include "tensor/gemm.h"

/* The columns of a tile, with its height, fix the shape of every call, and they split the work of
 * a wide output among threads when rows are few. */
typedef struct tile {
    size_t row, rows, column, columns;
    size_t height; /* >= rows */
    size_t depth;  /* of few rows, which go without the library (gemm-few.h); 0: a tile */
} tile;

static void compute_tile(tile at, bool transpose_b, size_t k, const float *a, size_t lda,
                         const float *b, size_t ldb, float *c, size_t ldc)
{
    const float *b_tile = transpose_b ? b + at.column * ldb : b + at.column;
    const float *a_tile = a + at.row * lda;
    if (at.depth > 0) {
        const tw_few few = {b_tile, NULL, ldb, transpose_b, at.columns, k, at.depth};
        tw_gemm_few(&few, at.rows, a_tile, lda, c + at.row * ldc + at.column, ldc);
        return;
    }
    if (at.rows == at.height) {
        tw_gemm(false, transpose_b, at.rows, at.columns, k, 1, a_tile, lda, b_tile, ldb, 0,
                c + at.row * ldc + at.column, ldc);
        return;
    }
    static _Thread_local tw_scratch scratch;
    float *padded_c = tw_scratch_room(&scratch, at.height * (TW_COLUMN_TILE + k), sizeof *padded_c);
    float *padded_a = padded_c + at.height * TW_COLUMN_TILE;
    for (size_t i = 0; i < at.rows; i++)
        memcpy(padded_a + i * k, a_tile + i * lda, k * sizeof *a);
    memset(padded_a + at.rows * k, 0, (at.height - at.rows) * k * sizeof *a);
    tw_gemm(false, transpose_b, at.height, at.columns, k, 1, padded_a, k, b_tile, ldb, 0, padded_c,
            TW_COLUMN_TILE);
    for (size_t i = 0; i < at.rows; i++)
        memcpy(c + (at.row + i) * ldc + at.column, padded_c + i * TW_COLUMN_TILE,
               at.columns * sizeof *c);
}

/* The product's operands' shapes and how its rows are cut: tall tiles, then some of TW_ROW_TILE,
 * then the last. */
typedef struct plan {
    bool transpose_b;
    size_t m, n, k;
    size_t tall; /* height of tall tiles, TW_ROW_TILE if there are none */
    size_t row_tiles, column_tiles;
} plan;

static size_t columns_at(const plan *plan, size_t column)
{
    return plan->n - column < TW_COLUMN_TILE ? plan->n - column : TW_COLUMN_TILE;
}

/* Whether all tiles of columns may have that height. */
static bool is_same(const plan *plan, size_t height)
{
    size_t last = columns_at(plan, (plan->column_tiles - 1) * TW_COLUMN_TILE);
    return (plan->n < TW_COLUMN_TILE ||
            tw_tile_is_same(plan->transpose_b, TW_COLUMN_TILE, plan->k, height)) &&
           tw_tile_is_same(plan->transpose_b, last, plan->k, height);
}

/* Tall tiles copy B less often into the library's own order; but each thread wants some. */
static plan make_plan(bool transpose_b, size_t m, size_t n, size_t k)
{
    plan plan = {transpose_b, m, n, k, TW_TALLEST_TILE, 0, 0};
    size_t threads = omp_in_parallel() ? 1 : (size_t)omp_get_max_threads();
    plan.column_tiles = (n + TW_COLUMN_TILE - 1) / TW_COLUMN_TILE;
    while (plan.tall > TW_ROW_TILE &&
           (plan.tall > m || (threads > 1 && m * plan.column_tiles < 4 * threads * plan.tall) ||
            !is_same(&plan, plan.tall)))
        plan.tall /= 2;
    plan.row_tiles = m / plan.tall + (m % plan.tall + TW_ROW_TILE - 1) / TW_ROW_TILE;
    return plan;
}

/* Up to how many rows go without the library; it copies a B that is not transposed in half the
 * time. */
static size_t few_rows(bool transpose_b)
{
    return transpose_b ? TW_FEW_ROWS : TW_FEW_ROWS / 2;
}

static size_t lowest_height(const plan *plan, size_t rows, size_t columns)
{
    size_t height = 8;
    while (height < TW_ROW_TILE &&
           (height < rows || !tw_tile_is_same(plan->transpose_b, columns, plan->k, height)))
        height *= 2;
    return height;
}

static tile tile_at(const plan *plan, size_t index)
{
    const size_t i = index / plan->column_tiles, tall = plan->m / plan->tall;
    tile at = {.row = i < tall ? i * plan->tall : tall * plan->tall + (i - tall) * TW_ROW_TILE,
               .column = index % plan->column_tiles * TW_COLUMN_TILE,
               .height = i < tall ? plan->tall : TW_ROW_TILE};
    at.columns = columns_at(plan, at.column);
    at.rows = at.height;
    if (plan->m - at.row < at.height) {
        at.rows = plan->m - at.row;
        if (at.rows <= few_rows(plan->transpose_b))
            at.depth = tw_few_depth(plan->transpose_b, at.columns, plan->k);
        if (at.depth == 0)
            at.height = lowest_height(plan, at.rows, at.columns);
    }
    return at;
}

void tw_gemm_rows(bool transpose_b, size_t m, size_t n, size_t k, const float *a, size_t lda,
                  const float *b, size_t ldb, float *c, size_t ldc)
{
    if (m == 0 || n == 0)
        return;
    const plan plan = make_plan(transpose_b, m, n, k);
    /* Inside a parallel region OpenBLAS computes each call on one thread. */
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < plan.row_tiles * plan.column_tiles; i++)
        compute_tile(tile_at(&plan, i), transpose_b, k, a, lda, b, ldb, c, ldc);
}
