#ifndef TW_METRIC_BOOTSTRAP_H
#define TW_METRIC_BOOTSTRAP_H

#include <stddef.h>
#include <stdint.h>

/* Means with percentile bootstrap bounds (B. Efron, 1979). */

enum { TW_RESAMPLES = 1000 };

/* low and high are the 2.5 and 97.5 % points of the mean over TW_RESAMPLES
 * resamples, interpolated between neighbours as numpy.percentile does. */
typedef struct tw_interval {
    double mean, low, high;
} tw_interval;

/* The weighted mean sum w v / sum w of every column of values[rows, columns],
 * weights[rows, columns] (>= 0), into out[columns]. Whole rows are drawn. A
 * value of weight 0 may be anything, NaN too; a column whose every weight is 0
 * has the interval NaN. rows < 2^32. A pure function of the arguments, whatever
 * the threads. */
void tw_bootstrap(const double *values, const double *weights, size_t rows, size_t columns,
                  uint64_t seed, tw_interval *out);

/* A figure made of the sums of some columns, such as a corpus's BLEU of its counts. */
typedef double tw_figure(const double *sums);

/* The figure of the sums of columns first .. first + count - 1 over the rows where
 * the first of them has weight (which is 0 or 1), with its bounds, from the same
 * resamples. NaN where no row has. */
tw_interval tw_bootstrap_figure(const double *values, const double *weights, size_t rows,
                                size_t columns, size_t first, size_t count, uint64_t seed,
                                tw_figure *figure);

/* The same step by step, for other figures than means. drawn[rows] becomes the
 * rows of resample `number`: row i is the high (i even) or low (i odd) half of
 * tw_random(seed, TW_RNG_BOOTSTRAP, number, 0, i / 2), times rows, over 2^32. */
void tw_resample(uint64_t seed, uint64_t number, size_t rows, uint32_t *drawn);

/* The bounds of a value from its TW_RESAMPLES resamples, stride apart; a NaN among
 * them is left out, and when all are, both bounds are the value. */
tw_interval tw_resampled_interval(double value, const double *resampled, size_t stride);

#endif
