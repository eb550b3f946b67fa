/* Products in tiles: whatever heights tiles have, a row's bits are those of a tile of
 * TW_ROW_TILE rows. */
#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/memory.h"
#include "core/rng.h"
#include "tensor/gemm-few.h"
#include "tensor/gemm.h"

/* [n, k]: below, at and above what a library may have kernels of its own for; the last columns of
 * a wide product are few, or as few as one. */
static const size_t shapes[][2] = {{300, 48}, {160, 160}, {257, 300}, {256, 800}, {17, 1024}};
enum { SHAPES = sizeof shapes / sizeof *shapes, MOST = 700 };

static float *numbers(uint32_t seed, size_t count)
{
    float *x = tw_alloc(count, sizeof *x);
    for (size_t i = 0; i < count; i++)
        x[i] = (float)tw_normal(seed, TW_RNG_INIT, 0, 0, (uint32_t)i);
    return x;
}

/* C[height, n] by one call on one thread, of the rows of a from `first` on and zeros past `m`. */
static void one_call(bool transposed, size_t height, size_t first, size_t m, size_t n, size_t k,
                     const float *a, const float *b, size_t ldb, float *c)
{
    float *rows = tw_alloc(height * k, sizeof *rows);
    size_t count = m - first < height ? m - first : height;
    memcpy(rows, a + first * k, count * k * sizeof *rows);
    omp_set_num_threads(1);
    tw_gemm(false, transposed, height, n, k, 1, rows, k, b, ldb, 0, c, n);
    omp_set_num_threads(2);
    free(rows);
}

/* C[MOST, n] in tiles of TW_ROW_TILE rows and TW_COLUMN_TILE columns. */
static void usual_tiles(bool transposed, size_t n, size_t k, const float *a, const float *b,
                        float *c)
{
    float *tile = tw_alloc((size_t)TW_ROW_TILE * TW_COLUMN_TILE, sizeof *tile);
    for (size_t row = 0; row < MOST; row += TW_ROW_TILE)
        for (size_t column = 0; column < n; column += TW_COLUMN_TILE) {
            size_t columns = n - column < TW_COLUMN_TILE ? n - column : TW_COLUMN_TILE;
            one_call(transposed, TW_ROW_TILE, row, MOST, columns, k, a,
                     transposed ? b + column * k : b + column, transposed ? k : n, tile);
            for (size_t i = 0; i < TW_ROW_TILE && row + i < MOST; i++)
                memcpy(c + (row + i) * n + column, tile + i * columns, columns * sizeof *c);
        }
    free(tile);
}

static void rows_keep_their_bits(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 2, 7, 8, 9, 31, 60, 64, 65, 130, 200, 511, MOST};
    for (size_t s = 0; s < SHAPES; s++)
        for (int transposed = 0; transposed < 2; transposed++) {
            const size_t n = shapes[s][0], k = shapes[s][1], ldb = transposed ? k : n;
            float *a = numbers(1, MOST * k), *b = numbers(2, k * n);
            float *usual = tw_alloc(MOST * n, sizeof *usual), *c = tw_alloc(MOST * n, sizeof *c);
            usual_tiles(transposed, n, k, a, b, usual);
            for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
                size_t m = counts[i], first = (MOST - m) / 3;
                omp_set_num_threads(i % 2 ? 1 : 2);
                tw_gemm_rows(transposed, m, n, k, a + first * k, k, b, ldb, c, n);
                assert_memory_equal(c, usual + first * n, m * n * sizeof *c);
            }
            free(a);
            free(b);
            free(c);
            free(usual);
        }
}

/* A verdict holds for other numbers than those it was found with, be it yes or no. */
static void verdicts_hold(void **state)
{
    (void)state;
    int yes = 0, no = 0;
    for (size_t s = 0; s < SHAPES; s++)
        for (int transposed = 0; transposed < 2; transposed++) {
            const size_t n = shapes[s][0], k = shapes[s][1], ldb = transposed ? k : n;
            float *a = numbers(3, TW_TALLEST_TILE * k), *b = numbers(4, k * n);
            float *usual = tw_alloc(TW_TALLEST_TILE * n, sizeof *usual);
            float *c = tw_alloc(TW_TALLEST_TILE * n, sizeof *c);
            for (size_t row = 0; row < TW_TALLEST_TILE; row += TW_ROW_TILE)
                one_call(transposed, TW_ROW_TILE, row, TW_TALLEST_TILE, n, k, a, b, ldb,
                         usual + row * n);
            for (size_t height = 1; height <= TW_TALLEST_TILE; height *= 2) {
                one_call(transposed, height, 0, height, n, k, a, b, ldb, c);
                bool same = memcmp(c, usual, height * n * sizeof *c) == 0;
                assert_int_equal(tw_tile_is_same(transposed, n, k, height), same);
                *(same ? &yes : &no) += 1;
            }
            free(a);
            free(b);
            free(c);
            free(usual);
        }
    print_message("%d heights give the usual bits, %d do not\n", yes, no);
    assert_true(yes >= 2 * SHAPES); /* TW_ROW_TILE itself */
}

/* Without the library: its bits with the depth found, at any depth the product, and of bf16 what
 * its widened numbers give. */
static void few_rows(void **state)
{
    (void)state;
    int found = 0;
    for (size_t s = 0; s < SHAPES; s++)
        for (int transposed = 0; transposed < 2; transposed++) {
            const size_t k = shapes[s][1], n = shapes[s][0] < 256 ? shapes[s][0] : 256;
            const size_t ldb = (transposed ? k : n) + 3, count = ldb * (transposed ? n : k);
            float *a = numbers(5, TW_FEW_ROWS * k), *b = numbers(6, count);
            float *usual = tw_alloc((size_t)TW_ROW_TILE * n, sizeof *usual);
            float *c = tw_alloc(TW_FEW_ROWS * n, sizeof *c);
            uint16_t *half = tw_alloc(count, sizeof *half);
            for (size_t i = 0; i < count; i++) {
                uint32_t bits;
                memcpy(&bits, &b[i], sizeof bits);
                half[i] = (uint16_t)(bits >> 16);
                bits = (uint32_t)half[i] << 16;
                memcpy(&b[i], &bits, sizeof bits);
            }
            one_call(transposed, TW_ROW_TILE, 0, TW_FEW_ROWS, n, k, a, b, ldb, usual);
            const size_t depth = tw_few_depth(transposed, n, k);
            found += depth > 0;
            for (size_t m = 1; m <= TW_FEW_ROWS; m++)
                for (int narrow = 0; narrow < 2; narrow++) {
                    const tw_few few = {
                        narrow ? NULL : b, narrow ? half : NULL, ldb, transposed, n, k,
                        depth ? depth : 37};
                    memset(c, 0x7f, TW_FEW_ROWS * n * sizeof *c);
                    tw_gemm_few(&few, m, a, k, c, n);
                    if (depth)
                        assert_memory_equal(c, usual, m * n * sizeof *c);
                    /* k products of order 1, each addition rounds the sum by 6e-8 */
                    for (size_t i = 0; i < m * n; i++)
                        assert_true(fabsf(c[i] - usual[i]) < 4e-6F * sqrtf((float)k));
                }
            free(a);
            free(b);
            free(c);
            free(half);
            free(usual);
        }
    print_message("few rows: the usual bits for %d of %d shapes\n", found, 2 * SHAPES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_keep_their_bits),
        cmocka_unit_test(verdicts_hold),
        cmocka_unit_test(few_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
