#include <math.h>
#include <stdlib.h>

#include "core/memory.h"
#include "core/rng.h"
#include "metric/compare.h"

/* The rows that count; all numbers 0 of those that do not. */
typedef struct table {
    double *a, *b; /* [rows, columns] */
    bool *counts;  /* [rows] */
    size_t rows, columns;
    tw_figure *figure;
} table;

static void add(double *to, const double *terms, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] += terms[i];
}

static void fill(table *t, const tw_system *a, const tw_system *b, tw_comparison *out)
{
    for (size_t row = 0; row < t->rows; row++) {
        t->counts[row] =
            a->weights[tw_system_at(a, row, 0)] > 0 && b->weights[tw_system_at(b, row, 0)] > 0;
        for (size_t c = 0; t->counts[row] && c < t->columns; c++) {
            t->a[row * t->columns + c] = a->values[tw_system_at(a, row, c)];
            t->b[row * t->columns + c] = b->values[tw_system_at(b, row, c)];
        }
        out->records += t->counts[row];
    }
}

/* What is drawn or swapped may be nothing: then it is NaN. */
static double difference(const table *t, const double *a, const double *b, size_t records)
{
    return records > 0 ? t->figure(b) - t->figure(a) : NAN;
}

static double resample(const table *t, uint64_t seed, uint64_t number)
{
    double *sums = tw_alloc(2 * t->columns, sizeof *sums);
    uint32_t *drawn = tw_alloc(t->rows, sizeof *drawn);
    size_t records = 0;
    tw_resample(seed, number, t->rows, drawn);
    for (size_t i = 0; i < t->rows; i++) {
        add(sums, t->a + drawn[i] * t->columns, t->columns);
        add(sums + t->columns, t->b + drawn[i] * t->columns, t->columns);
        records += t->counts[drawn[i]];
    }
    const double found = difference(t, sums, sums + t->columns, records);
    free(drawn);
    free(sums);
    return found;
}

static double swap(const table *t, uint64_t seed, uint64_t trial)
{
    enum { BITS = 64 };
    double *sums = tw_alloc(2 * t->columns, sizeof *sums), *one = sums, *other = sums + t->columns;
    uint64_t bits = 0;
    for (size_t row = 0; row < t->rows; row++, bits >>= 1) {
        if (row % BITS == 0)
            bits = tw_random(seed, TW_RNG_SWAP, trial, 0, (uint32_t)(row / BITS));
        const bool swapped = bits & 1;
        add(swapped ? other : one, t->a + row * t->columns, t->columns);
        add(swapped ? one : other, t->b + row * t->columns, t->columns);
    }
    const double found = difference(t, one, other, t->rows);
    free(sums);
    return found;
}

/* The figures, bounds and p-value of a table that some row counts in. */
static void compare(const table *t, uint64_t seed, tw_comparison *out)
{
    double *sums = tw_alloc(2 * t->columns, sizeof *sums);
    double *differences = tw_alloc(TW_TRIALS, sizeof *differences);
    for (size_t row = 0; row < t->rows; row++) {
        add(sums, t->a + row * t->columns, t->columns);
        add(sums + t->columns, t->b + row * t->columns, t->columns);
    }
    out->a = t->figure(sums);
    out->b = t->figure(sums + t->columns);
#pragma omp parallel for schedule(static)
    for (int r = 0; r < TW_RESAMPLES; r++)
        differences[r] = resample(t, seed, (uint64_t)r);
    out->difference = tw_resampled_interval(out->b - out->a, differences, 1);
#pragma omp parallel for schedule(static)
    for (int r = 0; r < TW_TRIALS; r++)
        differences[r] = swap(t, seed, (uint64_t)r);
    out->p = tw_randomization_p(out->a, out->b, differences, 1);
    free(differences);
    free(sums);
}

void tw_compare_figure(const tw_system *a, const tw_system *b, size_t rows, size_t columns,
                       tw_figure *figure, uint64_t seed, tw_comparison *out)
{
    table t = {tw_alloc(rows * columns, sizeof(double)),
               tw_alloc(rows * columns, sizeof(double)),
               tw_alloc(rows, sizeof(bool)),
               rows,
               columns,
               figure};
    *out = (tw_comparison){0, NAN, NAN, {NAN, NAN, NAN}, NAN};
    fill(&t, a, b, out);
    if (out->records > 0)
        compare(&t, seed, out);
    free(t.a);
    free(t.b);
    free(t.counts);
}
