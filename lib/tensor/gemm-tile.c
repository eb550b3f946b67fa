#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "tensor/gemm.h"

/* What was found out of a shape, kept for the life of the process. */
typedef struct verdict {
    bool transpose_b, same;
    size_t n, k, height;
} verdict;

static verdict *verdicts;
static size_t verdict_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Numbers in [-1, 1) of full precision, so that sums in another order are other sums. */
static void fill(float *x, size_t count, uint32_t state)
{
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525U + 1013904223U;
        x[i] = (float)(int32_t)state * 0x1p-31F;
    }
}

/* C[height, n] of a tile whose rows are those of a[period, k], again and again. */
static void compute(const verdict *of, size_t height, size_t period, const float *a, const float *b,
                    float *c)
{
    float *rows = tw_alloc(height * of->k, sizeof *rows);
    for (size_t i = 0; i < height; i++)
        memcpy(rows + i * of->k, a + i % period * of->k, of->k * sizeof *rows);
    tw_gemm(false, of->transpose_b, height, of->n, of->k, 1, rows, of->k, b,
            of->transpose_b ? of->k : of->n, 0, c, of->n);
    free(rows);
}

static bool try(const verdict *of)
{
    const size_t n = of->n, period = of->height < TW_ROW_TILE ? of->height : TW_ROW_TILE;
    const size_t rows = of->height < TW_ROW_TILE ? TW_ROW_TILE : of->height;
    float *a = tw_alloc((period + n) * of->k, sizeof *a), *b = a + period * of->k;
    float *c = tw_alloc((rows + TW_ROW_TILE) * n, sizeof *c), *usual = c + rows * n;
    fill(a, (period + n) * of->k, (uint32_t)(of->k + 1));
    /* As in tw_gemm_rows, the library shall compute a call on one thread. */
#pragma omp parallel
#pragma omp single
    {
        compute(of, TW_ROW_TILE, period, a, b, usual);
        compute(of, of->height, period, a, b, c);
    }
    bool same = true;
    for (size_t i = 0; i < rows && same; i++)
        same = memcmp(c + i % of->height * n, usual + i % TW_ROW_TILE * n, n * sizeof *c) == 0;
    free(a);
    free(c);
    return same;
}

bool tw_tile_is_same(bool transpose_b, size_t n, size_t k, size_t height)
{
    if (height == TW_ROW_TILE)
        return true;
    verdict new = {transpose_b, false, n, k, height};
    pthread_mutex_lock(&lock);
    size_t at = 0;
    while (at < verdict_count && (verdicts[at].transpose_b != transpose_b || verdicts[at].n != n ||
                                  verdicts[at].k != k || verdicts[at].height != height))
        at++;
    if (at == verdict_count) {
        new.same = try(&new);
        verdicts = tw_realloc(verdicts, verdict_count + 1, sizeof *verdicts);
        verdicts[verdict_count++] = new;
    }
    bool same = verdicts[at].same;
    pthread_mutex_unlock(&lock);
    return same;
}
