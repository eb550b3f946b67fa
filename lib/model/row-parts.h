#ifndef TW_MODEL_ROW_PARTS_H
#define TW_MODEL_ROW_PARTS_H

#include <stdbool.h>
#include <stddef.h>

/* What one pass over a row of logits tells: the largest number of every strip and the mass of
 * every part (their lengths and the order of a part's sum are in kernels/rows.h). */

typedef struct tw_row_parts {
    float *tops;                   /* [strips], the largest of each strip */
    float *sums, *peaks, *factors; /* [count]: mass beside the part's peak, that, what it weighs */
    size_t count, room;
} tw_row_parts; /* zero-initialise */

void tw_row_parts_release(tw_row_parts *parts);

size_t tw_row_strips(size_t n);

/* Looks at x[n], n >= 1, and returns its largest number. Without masses if only_tops. */
float tw_row_look(tw_row_parts *parts, const float *x, size_t n, float scale, bool only_tops);

/* Of the row that was looked at with this scale and had this largest number: the sum of
 * exp(scale (x - max)), part after part in double. Not finite if a number is NaN or infinity, 0 if
 * all are -infinity. */
double tw_row_mass(tw_row_parts *parts, float max, float scale);

/* Of these the summand of part j, once tw_row_mass was asked. */
double tw_part_mass(const tw_row_parts *parts, size_t j);

/* log sum exp of x[n]. */
double tw_row_log_sum(tw_row_parts *parts, const float *x, size_t n, float *max);

#endif
