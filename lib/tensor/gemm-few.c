#include "tensor/gemm-few.h"

#include <string.h>

#include "tensor/gemm.h"

enum { LANES = 16, UNROLLED = 4 };

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef uint16_t halves __attribute__((vector_size(LANES * sizeof(uint16_t))));
typedef uint32_t words __attribute__((vector_size(LANES * sizeof(uint32_t))));

/* LANES numbers of B. */
static inline void load(const tw_few *b, size_t at, lanes *to)
{
    if (b->x) {
        memcpy(to, b->x + at, sizeof *to);
        return;
    }
    halves half;
    memcpy(&half, b->half + at, sizeof half);
    const words bits = __builtin_convertvector(half, words) << 16;
    memcpy(to, &bits, sizeof *to);
}

/* Likewise of the `count` that there are. */
static void load_some(const tw_few *b, size_t at, size_t count, lanes *to)
{
    float numbers[LANES] = {0};
    uint16_t narrow[LANES] = {0};
    if (b->x)
        memcpy(numbers, b->x + at, count * sizeof *numbers);
    else
        memcpy(narrow, b->half + at, count * sizeof *narrow);
    const tw_few copy = {.x = b->x ? numbers : NULL, .half = narrow};
    load(&copy, 0, to);
}

/* Rows and lanes change places: four times, lanes of rows eight apart are interleaved, which turns
 * the bits of (row, lane) round by one. */
static inline void transpose(lanes *rows)
{
    for (int round = 0; round < 4; round++) {
        lanes next[LANES];
#pragma GCC unroll 8
        for (size_t i = 0; i < LANES / 2; i++) {
            const lanes a = rows[i], b = rows[i + LANES / 2];
            next[2 * i] = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6,
                                                  22, 7, 23);
            next[2 * i + 1] = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28,
                                                      13, 29, 14, 30, 15, 31);
        }
        memcpy(rows, next, sizeof next);
    }
}

/* Where the library begins a chain anew. It cuts what is left in two rather than leave a short
 * rest. */
static size_t next_depth(size_t left, size_t depth)
{
    if (left >= 2 * depth || left <= depth)
        return left < depth ? left : depth;
    return (left / 2 + LANES - 1) / LANES * LANES;
}

/* sums[m] += A[m, first .. end] times as much of LANES columns of B^T, from column j on. */
static inline void add_chains(const tw_few *b, size_t j, size_t first, size_t end, size_t m,
                              const float *a, size_t lda, lanes *sums)
{
    lanes part[LANES];
    for (size_t l = first; l < end; l += LANES) {
        const size_t count = end - l < LANES ? end - l : LANES;
        for (size_t i = 0; i < LANES; i++) {
            const size_t row = j + i < b->n ? j + i : b->n - 1;
            if (count == LANES)
                load(b, row * b->ldb + l, &part[i]);
            else
                load_some(b, row * b->ldb + l, count, &part[i]);
        }
        transpose(part);
        for (size_t r = 0; r < m; r++)
            for (size_t i = 0; i < count; i++)
                sums[r] += a[r * lda + l + i] * part[i];
    }
}

static void transposed(const tw_few *b, size_t m, const float *a, size_t lda, float *c, size_t ldc)
{
    for (size_t j = 0; j < b->n; j += LANES) {
        const size_t columns = b->n - j < LANES ? b->n - j : LANES;
        for (size_t first = 0, end; first < b->k; first = end) {
            lanes sums[TW_FEW_ROWS] = {0};
            end = first + next_depth(b->k - first, b->depth);
            add_chains(b, j, first, end, m, a, lda, sums);
            for (size_t r = 0; r < m; r++)
                for (size_t i = 0; i < columns; i++)
                    c[r * ldc + j + i] = (first ? c[r * ldc + j + i] : 0.0F) + sums[r][i];
        }
    }
}

/* The next rows of B, end to end. */
static void read_rows(const tw_few *b, size_t row, size_t rows, float (*to)[TW_COLUMN_TILE])
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < b->n; j += LANES) {
            const size_t at = (row + i) * b->ldb + j;
            lanes value;
            if (b->n - j >= LANES)
                load(b, at, &value);
            else
                load_some(b, at, b->n - j, &value);
            memcpy(to[i] + j, &value, sizeof value);
        }
}

/* sums[n] += x[UNROLLED] rows[UNROLLED, n], one after the other. */
static inline void add_rows(size_t n, const float *x, const float (*rows)[TW_COLUMN_TILE],
                            float *sums)
{
#pragma omp simd
    for (size_t j = 0; j < n; j++) {
        float sum = sums[j];
        sum += x[0] * rows[0][j];
        sum += x[1] * rows[1][j];
        sum += x[2] * rows[2][j];
        sum += x[3] * rows[3][j];
        sums[j] = sum;
    }
}

_Static_assert(TW_COLUMN_TILE % LANES == 0, "read_rows fills whole lanes");

static void straight(const tw_few *b, size_t m, const float *a, size_t lda, float *c, size_t ldc)
{
    float rows[UNROLLED][TW_COLUMN_TILE];
    for (size_t first = 0, end; first < b->k; first = end) {
        float sums[TW_FEW_ROWS][TW_COLUMN_TILE] = {{0}};
        end = first + next_depth(b->k - first, b->depth);
        for (size_t l = first; l < end; l += UNROLLED) {
            const size_t count = end - l < UNROLLED ? end - l : UNROLLED;
            read_rows(b, l, count, rows);
            for (size_t r = 0; r < m; r++) {
                const float *x = a + r * lda + l;
                if (count == UNROLLED)
                    add_rows(b->n, x, rows, sums[r]);
                else
                    for (size_t i = 0; i < count; i++)
                        for (size_t j = 0; j < b->n; j++)
                            sums[r][j] += x[i] * rows[i][j];
            }
        }
        for (size_t r = 0; r < m; r++)
            for (size_t j = 0; j < b->n; j++)
                c[r * ldc + j] = (first ? c[r * ldc + j] : 0.0F) + sums[r][j];
    }
}

void tw_gemm_few(const tw_few *b, size_t m, const float *a, size_t lda, float *c, size_t ldc)
{
    if (b->transposed)
        transposed(b, m, a, lda, c, ldc);
    else
        straight(b, m, a, lda, c, ldc);
}
