#ifndef TW_GUIDANCE_AGGREGATE_H
#define TW_GUIDANCE_AGGREGATE_H

#include <stddef.h>

/* From token rewards to one score a generation (METHOD.md, "Aggregation"; paper,
 * section 2.2). C below is the mean length of the group's generations. */

typedef enum tw_aggregate_kind {
    TW_AGGREGATE_AVERAGE, /* C mean_t r_t */
    TW_AGGREGATE_SUM,     /* sum_t r_t */
    TW_AGGREGATE_SOFTMAX, /* C beta log sum_t exp(r_t / beta) */
    TW_AGGREGATE_SOFTMIN  /* -C beta log sum_t exp(-r_t / beta) */
} tw_aggregate_kind;
#define TW_AGGREGATE_NAMES "average|sum|softmax|softmin"

typedef struct tw_aggregate {
    tw_aggregate_kind kind;
    double temperature; /* beta > 0, of softmax and softmin */
} tw_aggregate;

/* Scores e[count] of a group. rewards: the generations' tokens end to end, [sum of
 * lengths]; every length >= 1; count >= 1. */
void tw_aggregate_scores(const tw_aggregate *aggregate, const float *rewards, const size_t *lengths,
                         size_t count, double *e);

/* d_rewards[sum of lengths] = sum_k d_e[k] d e[k] / d rewards. */
void tw_aggregate_gradient(const tw_aggregate *aggregate, const float *rewards,
                           const size_t *lengths, size_t count, const double *d_e,
                           float *d_rewards);

#endif
