#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "tensor/gemm-few.h"
#include "tensor/gemm.h"

/* What is to be found out of a shape, kept for the life of the process: whether tiles of a height
 * have the usual bits, or the depth of tw_few_depth. */
typedef struct question {
    bool transpose_b;
    size_t n, k;
    size_t height; /* 0: the depth is asked for */
} question;

typedef struct verdict {
    question of;
    size_t answer;
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
static void compute(const question *of, size_t height, size_t period, const float *a,
                    const float *b, float *c)
{
    float *rows = tw_alloc(height * of->k, sizeof *rows);
    for (size_t i = 0; i < height; i++)
        memcpy(rows + i * of->k, a + i % period * of->k, of->k * sizeof *rows);
    tw_gemm(false, of->transpose_b, height, of->n, of->k, 1, rows, of->k, b,
            of->transpose_b ? of->k : of->n, 0, c, of->n);
    free(rows);
}

/* Rows of c[rows, n], one of `height`, against those of the usual tile, again and again. */
static bool agree(const float *c, size_t height, const float *usual, size_t rows, size_t n)
{
    for (size_t i = 0; i < rows; i++)
        if (memcmp(c + i % height * n, usual + i % TW_ROW_TILE * n, n * sizeof *c) != 0)
            return false;
    return true;
}

/* Depths that libraries have for one processor or another, the largest for one chain. */
static size_t try_depths(const question *of, const float *a, const float *b, const float *usual,
                         float *c)
{
    static const size_t depths[] = {320, 384, 256, 352, 448, 512, 192, 240, 128, 640, 768, 1 << 30};
    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
        const size_t ldb = of->transpose_b ? of->k : of->n;
        const tw_few few = {b, NULL, ldb, of->transpose_b, of->n, of->k, depths[i]};
        tw_gemm_few(&few, TW_FEW_ROWS, a, of->k, c, of->n);
        if (!agree(c, TW_FEW_ROWS, usual, TW_ROW_TILE, of->n))
            continue;
        tw_gemm_few(&few, 1, a, of->k, c, of->n);
        if (agree(c, 1, usual, 1, of->n))
            return depths[i];
    }
    return 0;
}

static size_t try(const question *of)
{
    const size_t n = of->n, wanted = of->height ? of->height : TW_FEW_ROWS;
    const size_t period = wanted < TW_ROW_TILE ? wanted : TW_ROW_TILE;
    const size_t rows = wanted < TW_ROW_TILE ? TW_ROW_TILE : wanted;
    float *a = tw_alloc((period + n) * of->k, sizeof *a), *b = a + period * of->k;
    float *c = tw_alloc((rows + TW_ROW_TILE) * n, sizeof *c), *usual = c + rows * n;
    size_t answer = 0;
    fill(a, (period + n) * of->k, (uint32_t)(of->k + 1));
    /* As in tw_gemm_rows, the library shall compute a call on one thread. */
#pragma omp parallel
#pragma omp single
    {
        compute(of, TW_ROW_TILE, period, a, b, usual);
        if (of->height)
            compute(of, of->height, period, a, b, c);
        answer = of->height ? agree(c, wanted, usual, rows, n) : try_depths(of, a, b, usual, c);
    }
    free(a);
    free(c);
    return answer;
}

static size_t answer(question of)
{
    pthread_mutex_lock(&lock);
    size_t at = 0;
    for (; at < verdict_count; at++) {
        const question *known = &verdicts[at].of;
        if (known->transpose_b == of.transpose_b && known->n == of.n && known->k == of.k &&
            known->height == of.height)
            break;
    }
    if (at == verdict_count) {
        verdicts = tw_realloc(verdicts, verdict_count + 1, sizeof *verdicts);
        verdicts[verdict_count++] = (verdict){of, try(&of)};
    }
    const size_t found = verdicts[at].answer;
    pthread_mutex_unlock(&lock);
    return found;
}

bool tw_tile_is_same(bool transpose_b, size_t n, size_t k, size_t height)
{
    return height == TW_ROW_TILE || answer((question){transpose_b, n, k, height});
}

size_t tw_few_depth(bool transposed, size_t n, size_t k)
{
    return answer((question){transposed, n, k, 0});
}
