#ifndef TW_METRIC_LCS_H
#define TW_METRIC_LCS_H

#include <stdint.h>

#include "metric/table.h"

/* Longest common subsequences, 64 columns at a time (H. Hyyrö, "Bit-parallel
 * LCS-length computation revisited", 2004). Start from {0}; keeps its memory. */
typedef struct tw_lcs {
    tw_table numbers; /* row word -> its number among the row words */
    uint32_t *rows;   /* [row_count] numbers of the row words */
    uint64_t *masks;  /* [numbers] columns of this block where the word stands */
    uint8_t *carries; /* [row_count] carry out of the block before */
    uint64_t *bits;   /* [row_count, blocks], kept for tw_lcs_mark only: bit j of row
                         i is clear where the length grows from column j to j + 1 */
    size_t row_capacity, bit_capacity;
} tw_lcs;

void tw_lcs_free(tw_lcs *lcs);

/* The length of a longest common subsequence of a[n] and b[m]. */
size_t tw_lcs_length(tw_lcs *lcs, const int32_t *a, size_t n, const int32_t *b, size_t m);

/* Sets marks[i] to 1 for the positions in a[n] of one longest common
 * subsequence, leaving the others alone: the one found by walking back from
 * the ends, where words differ going back in b only if that keeps more than
 * going back in a. */
void tw_lcs_mark(tw_lcs *lcs, const int32_t *a, size_t n, const int32_t *b, size_t m,
                 uint8_t *marks);

#endif
