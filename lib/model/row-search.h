#ifndef TW_MODEL_ROW_SEARCH_H
#define TW_MODEL_ROW_SEARCH_H

#include <stddef.h>
#include <stdint.h>

/* The largest numbers of a row, found without a look at the strips that hold none of them. */

typedef struct tw_search_row {
    const float *x; /* [n], none NaN */
    size_t n;
    const float *tops; /* the largest number of each strip (row-parts.h) */
} tw_search_row;

/* The numbers in [low, high) and where they are, in the order of the row; returns how many.
 * found and places have room for n + 1. */
size_t tw_row_gather(const tw_search_row *row, float low, float high, float *found,
                     uint64_t *places);

/* The k-th largest number, 1 <= k <= n. found and places are scratch as above. */
float tw_row_kth(const tw_search_row *row, size_t k, float *found, uint64_t *places);

#endif
