/* Products in register tiles: TILE_ROWS rows of A times a panel of PANEL columns of B. Both are
 * packed first, a block at a time, so that a tile reads them in the order in which it uses them;
 * B that is stored by columns is transposed, and bf16 widened, on the way. */

#include "tensor/kernels/product.h"

#include "tensor/kernels/lanes.h"

#define INLINE static inline __attribute__((always_inline))

/* A tile's sums fill the registers: 24 of 32, or 12 of 16. */
#if defined(__AVX512F__)
enum { TILE_ROWS = 12, VECTORS = 2 };
#elif defined(__AVX2__)
enum { TILE_ROWS = 6, VECTORS = 2 };
#else
enum { TILE_ROWS = 6, VECTORS = 4 };
#endif
enum { PANEL = VECTORS * TW_LANES };

_Static_assert((int)PANEL <= (int)TW_PANEL_MOST, "the scratch holds a panel");
_Static_assert(TW_BLOCK_ROWS % TILE_ROWS == 0, "a block holds whole tiles");

/* A block: rows of C, and a range of the depth. */
typedef struct block {
    size_t row, rows, first, depth;
} block;

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

/* Four rows of A, from `from` on, become numbers `at` to `at` + 3 of the depths of a packed tile;
 * returns how many depths there were fours of. */
INLINE size_t pack_four(const float *from, size_t lda, size_t depth, size_t at, float *to)
{
    size_t l = 0;
    for (; l + 4 <= depth; l += 4) {
        tw_quad x[4];
#pragma GCC unroll 4
        for (size_t i = 0; i < 4; i++)
            x[i] = tw_load_quad(from + i * lda + l);
        tw_transpose_quad(x);
#pragma GCC unroll 4
        for (size_t i = 0; i < 4; i++)
            memcpy(to + (l + i) * TILE_ROWS + at, &x[i], sizeof *x);
    }
    return l;
}

/* Rows of A that lie along the depth, four at a time; the last four may overlap those before. */
static void pack_whole_tile(const float *from, size_t lda, size_t depth, float *to)
{
    size_t packed = 0;
#pragma GCC unroll 4
    for (size_t at = 0; at < TILE_ROWS; at += 4) {
        const size_t first = at + 4 <= TILE_ROWS ? at : TILE_ROWS - 4;
        packed = pack_four(from + first * lda, lda, depth, first, to);
    }
    for (size_t l = packed; l < depth; l++)
        for (size_t i = 0; i < TILE_ROWS; i++)
            to[l * TILE_ROWS + i] = from[i * lda + l];
}

static void pack_tile(size_t rows, size_t depth, const float *from, size_t lda, float *to)
{
    if (rows == TILE_ROWS) {
        pack_whole_tile(from, lda, depth, to);
        return;
    }
    for (size_t i = 0; i < rows; i++)
        for (size_t l = 0; l < depth; l++)
            to[l * rows + i] = from[i * lda + l];
}

/* A that is stored by depth: row after row, cut into tiles. */
static void pack_transposed(const tw_product *p, const block *at, float *to)
{
    const size_t whole = at->rows / TILE_ROWS * TILE_ROWS, rest = at->rows - whole;
    for (size_t l = 0; l < at->depth; l++) {
        const float *from = p->a + (at->first + l) * p->lda + at->row;
        for (size_t i = 0; i < whole; i += TILE_ROWS)
            memcpy(to + i * at->depth + l * TILE_ROWS, from + i, TILE_ROWS * sizeof *to);
        for (size_t i = 0; i < rest; i++)
            to[whole * at->depth + l * rest + i] = from[whole + i];
    }
}

/* A block of op(A), as tiles [depth, rows of the tile]. */
static void pack_rows(const tw_product *p, const block *at, float *to)
{
    if (p->transpose_a) {
        pack_transposed(p, at, to);
        return;
    }
    for (size_t i = 0; i < at->rows; i += TILE_ROWS) {
        const size_t count = at->rows - i < TILE_ROWS ? at->rows - i : TILE_ROWS;
        pack_tile(count, at->depth, p->a + (at->row + i) * p->lda + at->first, p->lda,
                  to + i * at->depth);
    }
}

INLINE float number_at(const tw_product *p, size_t at)
{
    if (p->b)
        return p->b[at];
    const uint32_t bits = (uint32_t)p->b16[at] << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

INLINE tw_quad quad_at(const tw_product *p, size_t at)
{
    return p->b ? tw_load_quad(p->b + at) : tw_widen_quad(p->b16 + at);
}

/* Four depths of a vector of columns at a time: quads along the depth, turned. */
INLINE void pack_turned(const tw_product *p, const block *block_at, size_t column, float *to)
{
    const size_t first = block_at->first, depth = block_at->depth;
    for (size_t v = 0; v < VECTORS; v++) {
        const size_t at = (column + v * TW_LANES) * p->ldb + first;
        size_t l = 0;
        for (; l + 4 <= depth; l += 4) {
            tw_lanes block[4];
#pragma GCC unroll 4
            for (size_t i = 0; i < 4; i++) {
                tw_quad quads[TW_LANES / 4];
#pragma GCC unroll 4
                for (size_t q = 0; q < TW_LANES / 4; q++)
                    quads[q] = quad_at(p, at + (4 * q + i) * p->ldb + l);
                block[i] = tw_join_quads(quads);
            }
            tw_transpose_quads(block);
#pragma GCC unroll 4
            for (size_t i = 0; i < 4; i++)
                tw_store(to + (l + i) * PANEL + v * TW_LANES, block[i] * p->alpha);
        }
        for (; l < depth; l++)
            for (size_t j = 0; j < TW_LANES; j++)
                to[l * PANEL + v * TW_LANES + j] = number_at(p, at + j * p->ldb + l) * p->alpha;
    }
}

/* to[depth, PANEL] of alpha op(B) from `column` on; columns past the last are zero. */
INLINE void pack_panel_of(const tw_product *p, const block *at, size_t column, size_t columns,
                          float *to)
{
    const size_t first = at->first, depth = at->depth;
    if (p->transpose_b && columns == PANEL) {
        pack_turned(p, at, column, to);
        return;
    }
    if (columns == PANEL) {
        for (size_t l = 0; l < depth; l++)
#pragma GCC unroll 8
            for (size_t j = 0; j < PANEL; j += 4) {
                const tw_quad x = quad_at(p, (first + l) * p->ldb + column + j) * p->alpha;
                memcpy(to + l * PANEL + j, &x, sizeof x);
            }
        return;
    }
    const size_t along = p->transpose_b ? 1 : p->ldb, across = p->transpose_b ? p->ldb : 1;
    memset(to, 0, depth * PANEL * sizeof *to);
    for (size_t j = 0; j < columns; j++)
        for (size_t l = 0; l < depth; l++)
            to[l * PANEL + j] =
                number_at(p, (first + l) * along + (column + j) * across) * p->alpha;
}

/* What kind of B it is is known to each copy of the function. */
static void pack_panel(const tw_product *p, const block *at, size_t column, size_t columns,
                       float *to)
{
    tw_product wide = *p, narrow = *p;
    wide.b16 = NULL;
    narrow.b = NULL;
    if (p->b)
        pack_panel_of(&wide, at, column, columns, to);
    else
        pack_panel_of(&narrow, at, column, columns, to);
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

static void multiply_block(const tw_product *p, const tw_product_part *part, const block *at)
{
    float *a = part->scratch, *panel = a + (size_t)TW_BLOCK_ROWS * TW_BLOCK_DEPTH;
    const size_t end = part->column + part->columns;
    pack_rows(p, at, a);
    for (size_t j = part->column; j < end; j += PANEL) {
        const size_t columns = end - j < PANEL ? end - j : PANEL;
        if (lies_ready(p, at->rows, columns)) {
            multiply_panel(p, at, j, columns, a, p->b + at->first * p->ldb + j, p->ldb);
            continue;
        }
        pack_panel(p, at, j, columns, panel);
        multiply_panel(p, at, j, columns, a, panel, PANEL);
    }
}

void TW_AT_LEVEL(tw_product_part)(const tw_product *p, const tw_product_part *part)
{
    const size_t blocks = (p->k + TW_BLOCK_DEPTH - 1) / TW_BLOCK_DEPTH;
    const size_t depth = blocks ? (p->k + blocks - 1) / blocks : 0; /* equal, or nearly */
    for (size_t row = 0; row < part->rows; row += TW_BLOCK_ROWS) {
        block at = {.row = part->row + row, .rows = part->rows - row};
        if (at.rows > TW_BLOCK_ROWS)
            at.rows = TW_BLOCK_ROWS;
        for (at.first = 0; at.first < p->k; at.first += depth) {
            at.depth = p->k - at.first < depth ? p->k - at.first : depth;
            multiply_block(p, part, &at);
        }
    }
}
