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

#endif
