#include "metric/bootstrap.h"

#include <math.h>
#include <stdlib.h>

#include "core/memory.h"
#include "core/rng.h"

typedef struct table {
    const double *values, *weights;
    size_t rows, stride, columns;
} table;

static void add_row(const table *t, size_t row, double *weighted, double *weights)
{
    const double *value = t->values + row * t->stride, *weight = t->weights + row * t->stride;
    for (size_t c = 0; c < t->columns; c++) {
        weighted[c] += weight[c] != 0 ? weight[c] * value[c] : 0;
        weights[c] += weight[c];
    }
}

/* A draw of 64 bits makes two rows. */
void tw_resample(uint64_t seed, uint64_t number, size_t rows, uint32_t *drawn)
{
    for (size_t i = 0; i < rows; i += 2) {
        const uint64_t bits = tw_random(seed, TW_RNG_BOOTSTRAP, number, 0, (uint32_t)(i / 2));
        drawn[i] = (uint32_t)((bits >> 32) * rows >> 32);
        if (i + 1 < rows)
            drawn[i + 1] = (uint32_t)((bits & UINT32_MAX) * rows >> 32);
    }
}

/* sums[columns] and weights[columns] of one resample. */
static void resample(const table *t, uint64_t seed, uint64_t number, double *sums, double *weights)
{
    uint32_t *drawn = tw_alloc(t->rows, sizeof *drawn);
    tw_resample(seed, number, t->rows, drawn);
    for (size_t i = 0; i < t->rows; i++)
        add_row(t, drawn[i], sums, weights);
    free(drawn);
}

static void resample_means(const table *t, uint64_t seed, uint64_t number, double *means)
{
    double *weights = tw_alloc(t->columns, sizeof *weights);
    resample(t, seed, number, means, weights);
    for (size_t c = 0; c < t->columns; c++)
        means[c] /= weights[c];
    free(weights);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(const double *sorted, size_t count, double share)
{
    const double place = share * (double)(count - 1);
    const size_t below = (size_t)place;
    if (below + 1 >= count)
        return sorted[count - 1];
    return sorted[below] + (place - (double)below) * (sorted[below + 1] - sorted[below]);
}

tw_interval tw_resampled_interval(double value, const double *resampled, size_t stride)
{
    double sorted[TW_RESAMPLES];
    size_t kept = 0;
    for (size_t r = 0; r < TW_RESAMPLES; r++) {
        const double one = resampled[r * stride];
        if (!isnan(one)) /* else the resample drew nothing of weight */
            sorted[kept++] = one;
    }
    if (kept == 0)
        return (tw_interval){value, value, value};
    qsort(sorted, kept, sizeof *sorted, by_value);
    return (tw_interval){value, percentile(sorted, kept, 0.025), percentile(sorted, kept, 0.975)};
}

void tw_bootstrap(const double *values, const double *weights, size_t rows, size_t columns,
                  uint64_t seed, tw_interval *out)
{
    const table t = {values, weights, rows, columns, columns};
    double *means = tw_alloc(TW_RESAMPLES * columns, sizeof *means); /* [resamples, columns] */
    double *sums = tw_alloc(2 * columns, sizeof *sums);
#pragma omp parallel for schedule(static)
    for (int r = 0; r < TW_RESAMPLES; r++)
        resample_means(&t, seed, (uint64_t)r, means + (size_t)r * columns);
    for (size_t row = 0; row < rows; row++)
        add_row(&t, row, sums, sums + columns);
    for (size_t c = 0; c < columns; c++)
        out[c] = sums[columns + c] != 0
                     ? tw_resampled_interval(sums[c] / sums[columns + c], means + c, columns)
                     : (tw_interval){NAN, NAN, NAN};
    free(sums);
    free(means);
}

static double figure_of(const double *sums, const double *weights, tw_figure *figure)
{
    return weights[0] != 0 ? figure(sums) : NAN;
}

tw_interval tw_bootstrap_figure(const double *values, const double *weights, size_t rows,
                                size_t columns, size_t first, size_t count, uint64_t seed,
                                tw_figure *figure)
{
    const table t = {values + first, weights + first, rows, columns, count};
    double *figures = tw_alloc(TW_RESAMPLES, sizeof *figures);
    double *all = tw_alloc(2 * count, sizeof *all);
#pragma omp parallel for schedule(static)
    for (int r = 0; r < TW_RESAMPLES; r++) {
        double *sums = tw_alloc(2 * count, sizeof *sums);
        resample(&t, seed, (uint64_t)r, sums, sums + count);
        figures[r] = figure_of(sums, sums + count, figure);
        free(sums);
    }
    for (size_t row = 0; row < rows; row++)
        add_row(&t, row, all, all + count);
    const tw_interval out = tw_resampled_interval(figure_of(all, all + count, figure), figures, 1);
    free(all);
    free(figures);
    return out;
}
