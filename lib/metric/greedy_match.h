#ifndef TW_METRIC_GREEDY_MATCH_H
#define TW_METRIC_GREEDY_MATCH_H

#include <stddef.h>

#include "core/memory.h"

/* Precision, recall and their harmonic mean, each -1..1. */
typedef struct tw_likeness {
    double precision, recall, f1;
} tw_likeness;

/* A text as vectors of its tokens. */
typedef struct tw_vectors {
    const float *x;      /* [count, width], each of length 1 */
    const float *weight; /* [count], 0 or more: what a token counts in the mean over its text */
    size_t count;
} tw_vectors;

/* Greedy matching (Zhang et al. 2020, BERTScore): each token of one text is as similar to the
 * other text as it is, by cosine, to the nearest of all tokens there; precision is the weighted
 * mean over the candidate's tokens, recall over the reference's. All are 0 where a text has no
 * weight; f1 is 0 where it has no value. scratch is the caller's, one a thread. */
tw_likeness tw_greedy_match(const tw_vectors *reference, const tw_vectors *candidate, size_t width,
                            tw_scratch *scratch);

#endif
