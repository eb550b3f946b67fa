#include "metric/compare.h"

#include <math.h>
#include <stdlib.h>

#include "core/math.h"
#include "core/memory.h"
#include "core/rng.h"

/* What is summed of each row and column; nothing of rows that do not count. */
enum { VALUE_A, WEIGHT_A, VALUE_B, WEIGHT_B, SUMS };
/* What a gains, and b loses, when the two change places. */
enum { VALUE, WEIGHT, MOVED };

typedef struct table {
    double *terms;  /* [rows, columns, SUMS], for the trials [rows, columns, MOVED] */
    double *totals; /* [columns, SUMS] */
    size_t rows, columns;
    const bool *exponential;
} table;

static void add(double *to, const double *terms, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] += terms[i];
}

static void fill(table *t, const tw_system *a, const tw_system *b, tw_comparison *out)
{
    for (size_t i = 0; i < t->rows * t->columns; i++) {
        const size_t row = i / t->columns, column = i % t->columns;
        const size_t at_a = tw_system_at(a, row, column), at_b = tw_system_at(b, row, column);
        const double of_a = a->weights[at_a], of_b = b->weights[at_b];
        if (!(of_a > 0) || !(of_b > 0))
            continue;
        double *terms = t->terms + i * SUMS;
        terms[VALUE_A] = of_a * a->values[at_a];
        terms[WEIGHT_A] = of_a;
        terms[VALUE_B] = of_b * b->values[at_b];
        terms[WEIGHT_B] = of_b;
        out[column].records++;
    }
    for (size_t row = 0; row < t->rows; row++)
        add(t->totals, t->terms + row * t->columns * SUMS, t->columns * SUMS);
}

/* In place: what is written never overtakes what is read. */
static void make_moves(table *t)
{
    for (size_t i = 0; i < t->rows * t->columns; i++) {
        const double *terms = t->terms + i * SUMS;
        const double value = terms[VALUE_B] - terms[VALUE_A];
        const double weight = terms[WEIGHT_B] - terms[WEIGHT_A];
        t->terms[i * MOVED + VALUE] = value;
        t->terms[i * MOVED + WEIGHT] = weight;
    }
}

static double mean(const table *t, size_t column, double value, double weight)
{
    const double ratio = value / weight; /* NaN of nothing */
    return t->exponential[column] ? tw_exp(ratio) : ratio;
}

static double mean_a(const table *t, const double *sums, size_t column)
{
    const double *s = sums + column * SUMS;
    return mean(t, column, s[VALUE_A], s[WEIGHT_A]);
}

static double mean_b(const table *t, const double *sums, size_t column)
{
    const double *s = sums + column * SUMS;
    return mean(t, column, s[VALUE_B], s[WEIGHT_B]);
}

/* differences[columns] of one resample. */
static void resample(const table *t, uint64_t seed, uint64_t number, double *differences)
{
    const size_t width = t->columns * SUMS;
    double *sums = tw_alloc(width, sizeof *sums);
    uint32_t *drawn = tw_alloc(t->rows, sizeof *drawn);
    tw_resample(seed, number, t->rows, drawn);
    for (size_t i = 0; i < t->rows; i++)
        add(sums, t->terms + drawn[i] * width, width);
    for (size_t c = 0; c < t->columns; c++)
        differences[c] = mean_b(t, sums, c) - mean_a(t, sums, c);
    free(drawn);
    free(sums);
}

/* differences[columns] of one trial. */
static void swap(const table *t, uint64_t seed, uint64_t trial, double *differences)
{
    enum { BITS = 64 };
    const size_t width = t->columns * MOVED;
    double *moved = tw_alloc(width, sizeof *moved);
    for (size_t i = 0; i < t->rows; i += BITS) {
        uint64_t bits = tw_random(seed, TW_RNG_SWAP, trial, 0, (uint32_t)(i / BITS));
        for (size_t row = i; row < t->rows && row < i + BITS; row++, bits >>= 1)
            if (bits & 1)
                add(moved, t->terms + row * width, width);
    }
    for (size_t c = 0; c < t->columns; c++) {
        const double *s = t->totals + c * SUMS, *m = moved + c * MOVED;
        differences[c] = mean(t, c, s[VALUE_B] - m[VALUE], s[WEIGHT_B] - m[WEIGHT]) -
                         mean(t, c, s[VALUE_A] + m[VALUE], s[WEIGHT_A] + m[WEIGHT]);
    }
    free(moved);
}

double tw_randomization_p(double a, double b, const double *differences, size_t stride)
{
    const double least = fabs(b - a) - TW_COMPARE_SLACK * (fabs(a) + fabs(b));
    size_t count = 0;
    for (size_t r = 0; r < TW_TRIALS; r++)
        count += fabs(differences[r * stride]) >= least;
    return (double)(count + 1) / (TW_TRIALS + 1);
}

static void bound(const table *t, uint64_t seed, tw_comparison *out)
{
    double *differences = tw_alloc(TW_RESAMPLES * t->columns, sizeof *differences);
#pragma omp parallel for schedule(static)
    for (int r = 0; r < TW_RESAMPLES; r++)
        resample(t, seed, (uint64_t)r, differences + (size_t)r * t->columns);
    for (size_t c = 0; c < t->columns; c++)
        out[c].difference = tw_resampled_interval(out[c].b - out[c].a, differences + c, t->columns);
    free(differences);
}

static void test(const table *t, uint64_t seed, tw_comparison *out)
{
    double *differences = tw_alloc(TW_TRIALS * t->columns, sizeof *differences);
#pragma omp parallel for schedule(static)
    for (int r = 0; r < TW_TRIALS; r++)
        swap(t, seed, (uint64_t)r, differences + (size_t)r * t->columns);
    for (size_t c = 0; c < t->columns; c++)
        out[c].p = out[c].records > 0
                       ? tw_randomization_p(out[c].a, out[c].b, differences + c, t->columns)
                       : NAN;
    free(differences);
}

void tw_compare(const tw_system *a, const tw_system *b, size_t rows, size_t columns,
                const bool *exponential, uint64_t seed, tw_comparison *out)
{
    table t = {tw_alloc(rows * columns, TW_COMPARE_BYTES), tw_alloc(columns, SUMS * sizeof(double)),
               rows, columns, exponential};
    for (size_t c = 0; c < columns; c++)
        out[c] = (tw_comparison){0};
    fill(&t, a, b, out);
    for (size_t c = 0; c < columns; c++) {
        out[c].a = mean_a(&t, t.totals, c);
        out[c].b = mean_b(&t, t.totals, c);
    }
    bound(&t, seed, out);
    make_moves(&t);
    test(&t, seed, out);
    free(t.terms);
    free(t.totals);
}
