#ifndef TW_METRIC_COMPARE_H
#define TW_METRIC_COMPARE_H

#include <stdbool.h>

#include "metric/bootstrap.h"

/* Two systems measured on the same records: the difference of their means, with
 * bounds by a paired bootstrap (the rows drawn are those of tw_bootstrap, the same
 * for both) and a p-value by approximate randomization (E. W. Noreen, 1989).
 *
 * In each of TW_TRIALS trials the two systems' values of a record change places or
 * not, by a coin each: bit (i % 64) of tw_random(seed, TW_RNG_SWAP, trial, 0, i / 64)
 * for row i. p = (1 + trials in which the difference was at least as large as the one
 * observed, either way) / (1 + TW_TRIALS). A trial that falls short by no more than
 * TW_COMPARE_SLACK of both means is as large: rounding must not break ties. */

enum { TW_TRIALS = 10000 };
#define TW_COMPARE_SLACK 1e-9

/* What one system got: of row i of a comparison and its column c the number at
 * [rows[i], places[c]] of values and weights, which are as tw_bootstrap takes them. Borrowed. */
typedef struct tw_system {
    const double *values, *weights; /* [*, stride] */
    size_t stride;
    const size_t *rows, *places; /* NULL: i itself, c itself */
} tw_system;

static inline size_t tw_system_at(const tw_system *system, size_t row, size_t column)
{
    return (system->rows ? system->rows[row] : row) * system->stride +
           (system->places ? system->places[column] : column);
}

typedef struct tw_comparison {
    size_t records;         /* those that count: of weight > 0 in both systems */
    double a, b;            /* means over them */
    tw_interval difference; /* .mean is b - a */
    double p;               /* in (0, 1] */
} tw_comparison;

/* Compares every column, into out[columns]; all are NaN where no record counts. The
 * mean of an exponential[column] is exp of the weighted mean, in every resample and trial
 * too. rows < 2^32. A pure function of the arguments, whatever the threads. Takes
 * TW_COMPARE_BYTES * rows * columns of memory. */
#define TW_COMPARE_BYTES (4 * sizeof(double))
void tw_compare(const tw_system *a, const tw_system *b, size_t rows, size_t columns,
                const bool *exponential, uint64_t seed, tw_comparison *out);

/* The same of a figure of the sums of all columns over the rows that count, those where the
 * weights of column 0 are > 0 in both systems; each counts once. A record's sums change places
 * together. Takes TW_COMPARE_FIGURE_BYTES * rows * columns of memory. */
#define TW_COMPARE_FIGURE_BYTES (2 * sizeof(double))
void tw_compare_figure(const tw_system *a, const tw_system *b, size_t rows, size_t columns,
                       tw_figure *figure, uint64_t seed, tw_comparison *out);

/* The p-value of a difference of b and a, from those of TW_TRIALS trials, stride apart. */
double tw_randomization_p(double a, double b, const double *differences, size_t stride);

#endif
