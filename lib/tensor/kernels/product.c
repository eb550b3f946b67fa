/* Products in register tiles: TILE_ROWS rows of A times a panel of PANEL columns of B. Both are
 * packed first, a block at a time (pack.h), so that a tile reads them in the order in which it uses
 * them. */

#include "tensor/kernels/product.h"

#include "tensor/kernels/pack.h"

/* What a tile reads and adds to: packed A [depth, rows], and PANEL columns of B [depth, *], packed
 * or where they lie. */
typedef struct tile {
    size_t depth;
    const float *a, *b;
    size_t ldb;
    bool add;
    float *c;
    size_t ldc;
} tile;

/* c[rows, PANEL] of one tile. */
INLINE void multiply_tile(size_t rows, const tile *t)
{
    const size_t depth = t->depth, ldb = t->ldb, ldc = t->ldc;
    const float *a = t->a, *b = t->b;
    const bool add = t->add;
    float *c = t->c;
    tw_lanes sums[TILE_ROWS][VECTORS];
#pragma GCC unroll 12
    for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (size_t v = 0; v < VECTORS; v++)
            sums[i][v] = add ? tw_load(c + i * ldc + v * TW_LANES) : (tw_lanes){0};
    for (size_t l = 0; l < depth; l++) {
        tw_lanes columns[VECTORS];
#pragma GCC unroll 4
        for (size_t v = 0; v < VECTORS; v++)
            columns[v] = tw_load(b + l * ldb + v * TW_LANES);
#pragma GCC unroll 12
        for (size_t i = 0; i < rows; i++) {
            const tw_lanes x = tw_broadcast(a[l * rows + i]);
#pragma GCC unroll 4
            for (size_t v = 0; v < VECTORS; v++)
                sums[i][v] = tw_fma(x, columns[v], sums[i][v]);
        }
    }
#pragma GCC unroll 12
    for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (size_t v = 0; v < VECTORS; v++)
            tw_store(c + i * ldc + v * TW_LANES, sums[i][v]);
}

/* The number of rows is a constant in each call, so that the sums stay in registers. */
static void multiply_rows(size_t rows, const tile *t)
{
    switch (rows) {
#define ROWS(n)                                                                                    \
    case n:                                                                                        \
        multiply_tile(n, t);                                                                       \
        return;
        ROWS(1)
        ROWS(2)
        ROWS(3)
        ROWS(4)
        ROWS(5)
        ROWS(6)
#if defined(__AVX512F__)
        ROWS(7)
        ROWS(8)
        ROWS(9)
        ROWS(10)
        ROWS(11)
        ROWS(12)
#endif
#undef ROWS
    default:
        __builtin_unreachable();
    }
}

/* The last columns of C, fewer than a panel's: by way of a tile of its own. */
static void multiply_edge(size_t rows, size_t columns, const tile *t)
{
    float sums[TILE_ROWS * PANEL] __attribute__((aligned(64))) = {0};
    tile whole = *t;
    whole.c = sums;
    whole.ldc = PANEL;
    for (size_t i = 0; t->add && i < rows; i++)
        memcpy(sums + i * PANEL, t->c + i * t->ldc, columns * sizeof *sums);
    multiply_rows(rows, &whole);
    for (size_t i = 0; i < rows; i++)
        memcpy(t->c + i * t->ldc, sums + i * PANEL, columns * sizeof *sums);
}

/* The rows of a packed block times one panel. */
static void multiply_panel(const tw_product *p, const block *at, size_t column, size_t columns,
                           const float *a, const float *b, size_t ldb)
{
    tile t = {at->depth, a, b, ldb, p->add || at->first > 0, NULL, p->ldc};
    for (size_t i = 0; i < at->rows; i += TILE_ROWS) {
        const size_t count = at->rows - i < TILE_ROWS ? at->rows - i : TILE_ROWS;
        t.a = a + i * at->depth;
        t.c = p->c + (at->row + i) * p->ldc + column;
        if (columns == PANEL)
            multiply_rows(count, &t);
        else
            multiply_edge(count, columns, &t);
    }
}

/* For one tile of rows, B is read once: where it lies, if its panels are there as they are. */
static bool lies_ready(const tw_product *p, size_t rows, size_t columns)
{
    return rows <= TILE_ROWS && columns == PANEL && p->b && !p->transpose_b && p->alpha == 1;
}

/* Blocks of a part: rows from `row` on, and equal ranges of the depth, or nearly. */
static block block_at(const tw_product *p, size_t row, size_t rows, size_t index)
{
    const size_t blocks = (p->k + TW_BLOCK_DEPTH - 1) / TW_BLOCK_DEPTH;
    const size_t depth = (p->k + blocks - 1) / blocks;
    block at = {row, rows, index * depth, 0};
    if (at.first < p->k)
        at.depth = p->k - at.first < depth ? p->k - at.first : depth;
    return at;
}

/* One panel of B times a packed block. */
static void run_panel(const tw_product *p, const block *at, size_t column, size_t end,
                      const float *a, float *panel)
{
    const size_t columns = end - column < PANEL ? end - column : PANEL;
    if (lies_ready(p, at->rows, columns)) {
        multiply_panel(p, at, column, columns, a, p->b + at->first * p->ldb + column, p->ldb);
        return;
    }
    pack_panel(p, at, column, columns, panel);
    multiply_panel(p, at, column, columns, a, panel, PANEL);
}

/* So few rows that their sums fit the registers beside columns as they are turned. */
#if defined(__AVX512F__)
enum { FEWEST = 8 };
#else
enum { FEWEST = 4 };
#endif

/* c[rows, PANEL] from `row` and `column` on, over the whole depth: B is read where it lies, along
 * the depth, and used at once. */
INLINE void multiply_turned(size_t rows, const tw_product *p, size_t row, size_t column)
{
    const size_t step = p->b ? TURNED : TURNED_BF16;
    const float *a = p->a + row * p->lda;
    float *c = p->c + row * p->ldc + column;
    tw_lanes sums[FEWEST][VECTORS];
    for (size_t i = 0; i < rows; i++)
        for (size_t v = 0; v < VECTORS; v++)
            sums[i][v] = p->add ? tw_load(c + i * p->ldc + v * TW_LANES) : (tw_lanes){0};
    size_t l = 0;
    for (; l + step <= p->k; l += step)
#pragma GCC unroll 4
        for (size_t v = 0; v < VECTORS; v++) {
            tw_lanes x[TURNED_BF16];
            turn_next(p, (column + v * TW_LANES) * p->ldb + l, l % (4 * step) == 0, x);
#pragma GCC unroll 8
            for (size_t t = 0; t < step; t++)
#pragma GCC unroll 8
                for (size_t i = 0; i < rows; i++)
                    sums[i][v] = tw_fma(tw_broadcast(a[i * p->lda + l + t]), x[t], sums[i][v]);
        }
    for (; l < p->k; l++)
        for (size_t v = 0; v < VECTORS; v++) {
            const tw_lanes x = turn_one(p, (column + v * TW_LANES) * p->ldb + l);
            for (size_t i = 0; i < rows; i++)
                sums[i][v] = tw_fma(tw_broadcast(a[i * p->lda + l]), x, sums[i][v]);
        }
    for (size_t i = 0; i < rows; i++)
        for (size_t v = 0; v < VECTORS; v++)
            tw_store(c + i * p->ldc + v * TW_LANES, sums[i][v]);
}

/* Each kind of B has its own copy. */
INLINE void multiply_lying(size_t rows, const tw_product *p, size_t row, size_t column)
{
    tw_product wide = *p, narrow = *p;
    wide.b16 = NULL;
    narrow.b = NULL;
    if (p->b)
        multiply_turned(rows, &wide, row, column);
    else
        multiply_turned(rows, &narrow, row, column);
}

/* Whole panels of the fewest rows; returns the first column that is left. */
static size_t run_fewest(const tw_product *p, const tw_product_part *part)
{
    const size_t end = part->column + part->columns, row = part->row;
    size_t j = part->column;
    for (; j + PANEL <= end; j += PANEL)
        switch (part->rows) {
#define ROWS(n)                                                                                    \
    case n:                                                                                        \
        multiply_lying(n, p, row, j);                                                              \
        break;
            ROWS(1)
            ROWS(2)
            ROWS(3)
            ROWS(4)
#if defined(__AVX512F__)
            ROWS(5)
            ROWS(6)
            ROWS(7)
            ROWS(8)
#endif
#undef ROWS
        default:
            __builtin_unreachable();
        }
    return j;
}

/* Few rows: all of them are packed first, then each column of B is read from its beginning to its
 * end, as it lies. */
static void run_few(const tw_product *p, const tw_product_part *part, size_t row, size_t rows)
{
    float *a = part->scratch, *panel = a + TW_BLOCK_ROWS * TW_BLOCK_DEPTH;
    const size_t end = part->column + part->columns;
    block at;
    for (size_t i = 0; (at = block_at(p, row, rows, i)).depth > 0; i++)
        pack_rows(p, &at, a + rows * at.first);
    for (size_t j = part->column; j < end; j += PANEL)
        for (size_t i = 0; (at = block_at(p, row, rows, i)).depth > 0; i++)
            run_panel(p, &at, j, end, a + rows * at.first, panel);
}

/* Many: a block of them at a time, with each block's panels. */
static void run_many(const tw_product *p, const tw_product_part *part, size_t row, size_t rows)
{
    float *a = part->scratch, *panel = a + TW_BLOCK_ROWS * TW_BLOCK_DEPTH;
    const size_t end = part->column + part->columns;
    block at;
    for (size_t i = 0; (at = block_at(p, row, rows, i)).depth > 0; i++) {
        pack_rows(p, &at, a);
        for (size_t j = part->column; j < end; j += PANEL)
            run_panel(p, &at, j, end, a, panel);
    }
}

void TW_AT_LEVEL(tw_product_part)(const tw_product *p, const tw_product_part *whole)
{
    tw_product_part left_over = *whole;
    const tw_product_part *part = &left_over;
    if (whole->rows <= FEWEST && p->transpose_b && !p->transpose_a && p->alpha == 1) {
        left_over.column = run_fewest(p, whole);
        left_over.columns = whole->column + whole->columns - left_over.column;
    }
    for (size_t row = 0; row < part->rows; row += TW_BLOCK_ROWS) {
        const size_t left = part->rows - row, rows = left < TW_BLOCK_ROWS ? left : TW_BLOCK_ROWS;
        if (rows * p->k <= (size_t)TW_BLOCK_ROWS * TW_BLOCK_DEPTH)
            run_few(p, part, part->row + row, rows);
        else
            run_many(p, part, part->row + row, rows);
    }
}
