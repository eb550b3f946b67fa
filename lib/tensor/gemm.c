#include "tensor/gemm.h"

#include <cblas.h>
#include <omp.h>
#include <stdio.h>

#include "core/memory.h"
#include "tensor/kernels/kernels.h"

/* With fewer multiply-adds than this, waking the threads takes longer than they save. */
enum { WORTH_THREADS = 1 << 18 };

/* Parts are rectangles of whole tiles and panels of every level: multiples of these. */
enum { ROW_STEP = 12, COLUMN_STEP = 32, FEW_COLUMNS = 96, PARTS = 4 };

static tw_gemm_backend chosen = TW_GEMM_OWN;

void tw_gemm_use(tw_gemm_backend backend)
{
    chosen = backend;
}

/* How C is cut: into rectangles of that size. */
typedef struct cut {
    size_t rows, columns;
} cut;

static size_t round_up(size_t x, size_t step)
{
    return (x + step - 1) / step * step;
}

static size_t divide_up(size_t x, size_t by)
{
    return (x + by - 1) / by;
}

/* Several parts a thread, so that one that is slow (another job has its core) does not hold up the
 * others; but each at least FEW_COLUMNS wide, since a part packs the rows of A for itself. */
static cut cut_among(const tw_product *p, size_t threads)
{
    if (threads == 1)
        return (cut){p->m, p->n};
    size_t parts = PARTS * threads;
    while (parts > threads && p->n < parts * FEW_COLUMNS)
        parts -= threads;
    cut cut = {p->m, round_up(divide_up(p->n, parts), COLUMN_STEP)};
    const size_t across = divide_up(p->n, cut.columns);
    if (across < threads && p->m > ROW_STEP)
        cut.rows = round_up(divide_up(p->m, divide_up(threads, across)), ROW_STEP);
    return cut;
}

static void run_part(const tw_product *p, const cut *cut, size_t index)
{
    static _Thread_local tw_scratch scratch;
    const size_t across = divide_up(p->n, cut->columns);
    tw_product_part part = {.row = index / across * cut->rows,
                            .column = index % across * cut->columns};
    part.rows = p->m - part.row < cut->rows ? p->m - part.row : cut->rows;
    part.columns = p->n - part.column < cut->columns ? p->n - part.column : cut->columns;
    part.scratch = tw_scratch_room(&scratch, tw_product_scratch(), sizeof *part.scratch);
    tw_kernel->product_part(p, &part);
}

/* An empty depth: the chains end as they begin. */
static void clear(const tw_product *p)
{
    for (size_t i = 0; !p->add && i < p->m; i++)
        for (size_t j = 0; j < p->n; j++)
            p->c[i * p->ldc + j] = 0;
}

static void run_openblas(const tw_product *p)
{
    cblas_sgemm(CblasRowMajor, p->transpose_a ? CblasTrans : CblasNoTrans,
                p->transpose_b ? CblasTrans : CblasNoTrans, (blasint)p->m, (blasint)p->n,
                (blasint)p->k, p->alpha, p->a, (blasint)p->lda, p->b, (blasint)p->ldb,
                p->add ? 1 : 0, p->c, (blasint)p->ldc);
}

void tw_product_run(const tw_product *p)
{
    if (p->m == 0 || p->n == 0)
        return;
    if (p->k == 0) {
        clear(p);
        return;
    }
    if (chosen == TW_GEMM_OPENBLAS && p->b) {
        run_openblas(p);
        return;
    }
    const bool alone = omp_in_parallel() || p->m * p->n * p->k < WORTH_THREADS;
    const size_t threads = alone ? 1 : (size_t)omp_get_max_threads();
    const cut cut = cut_among(p, threads);
    const size_t parts = divide_up(p->m, cut.rows) * divide_up(p->n, cut.columns);
#pragma omp parallel for schedule(dynamic) if (parts > 1)
    for (size_t i = 0; i < parts; i++)
        run_part(p, &cut, i);
}

void tw_gemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, float alpha,
             const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c,
             size_t ldc)
{
    const tw_product product = {.m = m,
                                .n = n,
                                .k = k,
                                .a = a,
                                .lda = lda,
                                .transpose_a = transpose_a,
                                .b = b,
                                .ldb = ldb,
                                .transpose_b = transpose_b,
                                .alpha = alpha,
                                .add = beta != 0,
                                .c = c,
                                .ldc = ldc};
    tw_product_run(&product);
}

size_t tw_gemm_scratch(void)
{
    return tw_product_scratch() * sizeof(float);
}

const char *tw_gemm_name(void)
{
    static char text[256];
    if (chosen == TW_GEMM_OPENBLAS)
        snprintf(text, sizeof text, "%s, %d threads", openblas_get_config(),
                 openblas_get_num_threads());
    else
        snprintf(text, sizeof text, "own kernels %s, %d threads", tw_kernel->name,
                 omp_get_max_threads());
    return text;
}
