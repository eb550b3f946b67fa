#ifndef TW_TENSOR_KERNELS_PACK_H
#define TW_TENSOR_KERNELS_PACK_H

/* Packing of blocks of A and panels of B into the order in which a tile reads them. B that is
 * stored by columns is transposed, and bf16 widened, on the way. */

#include "tensor/kernels/lanes.h"
#include "tensor/kernels/product.h"

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

/* Rows of B that lie along the depth are read in streams; what the panel after the next
 * reads is fetched meanwhile, a line of 64 bytes each. */
INLINE void fetch_next(const void *from, size_t row_bytes)
{
#pragma GCC unroll 16
    for (size_t j = 0; j < TW_LANES; j++)
        __builtin_prefetch((const char *)from + (2 * PANEL + j) * row_bytes, 0, 2);
}

/* Four depths of a vector of columns that lie along the depth, from `from` on. */
INLINE void turn(const float *from, size_t ldb, tw_lanes *x)
{
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++) {
        tw_quad quads[TW_LANES / 4];
#pragma GCC unroll 4
        for (size_t q = 0; q < TW_LANES / 4; q++)
            quads[q] = tw_load_quad(from + (4 * q + i) * ldb);
        x[i] = tw_join_quads(quads);
    }
    tw_transpose_quads(x);
}

/* Eight depths of bf16: a number of 32 bits is two of them, its lower half the first. */
INLINE void turn_bf16(const uint16_t *from, size_t ldb, tw_lanes *x)
{
    tw_lanes pairs[4];
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++) {
        tw_quad quads[TW_LANES / 4];
#pragma GCC unroll 4
        for (size_t q = 0; q < TW_LANES / 4; q++)
            memcpy(&quads[q], from + (4 * q + i) * ldb, sizeof *quads);
        pairs[i] = tw_join_quads(quads);
    }
    tw_transpose_quads(pairs);
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++) {
        x[2 * i] = tw_lower_halves(pairs[i]);
        x[2 * i + 1] = tw_upper_halves(pairs[i]);
    }
}

/* The depths that are turned at a time, and all of them: x[depths of fp32 or bf16]. */
enum { TURNED = 4, TURNED_BF16 = 8 };

INLINE void turn_next(const tw_product *p, size_t at, bool fetch, tw_lanes *x)
{
    if (p->b) {
        if (fetch)
            fetch_next(p->b + at, p->ldb * sizeof *p->b);
        turn(p->b + at, p->ldb, x);
    } else {
        if (fetch)
            fetch_next(p->b16 + at, p->ldb * sizeof *p->b16);
        turn_bf16(p->b16 + at, p->ldb, x);
    }
}

/* One depth of a vector of columns, one by one. */
INLINE tw_lanes turn_one(const tw_product *p, size_t at)
{
    float x[TW_LANES];
    for (size_t j = 0; j < TW_LANES; j++)
        x[j] = number_at(p, at + j * p->ldb);
    return tw_load(x);
}

INLINE void pack_turned(const tw_product *p, const block *at, size_t column, float *to)
{
    const size_t step = p->b ? TURNED : TURNED_BF16;
    for (size_t v = 0; v < VECTORS; v++, to += TW_LANES) {
        const size_t first = (column + v * TW_LANES) * p->ldb + at->first;
        size_t l = 0;
        for (; l + step <= at->depth; l += step) {
            tw_lanes x[TURNED_BF16];
            turn_next(p, first + l, l % (4 * step) == 0, x);
#pragma GCC unroll 8
            for (size_t i = 0; i < step; i++)
                tw_store(to + (l + i) * PANEL, x[i] * p->alpha);
        }
        for (; l < at->depth; l++)
            tw_store(to + l * PANEL, turn_one(p, first + l) * p->alpha);
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

#endif
