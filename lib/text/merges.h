#ifndef TW_TEXT_MERGES_H
#define TW_TEXT_MERGES_H

#include <stddef.h>
#include <stdint.h>

/* The merges of a BPE vocabulary, and words by them. Source: Sennrich, Haddow, Birch 2016,
 * in the order of `tokenizers`: the pair of least rank first, of those the leftmost. */

typedef struct tw_merge {
    uint64_t pair; /* left << 32 | right */
    int32_t rank;
    int32_t product; /* id of the two as one; -1: the slot is empty */
} tw_merge;

typedef struct tw_merges {
    tw_merge *slots; /* [slot_count], open addressing */
    size_t slot_count;
} tw_merges;

/* For up to `count` merges. free(merges.slots) frees. */
tw_merges tw_merges_new(size_t count);
/* A pair given twice has its later rank. */
void tw_merges_put(tw_merges *merges, int32_t left, int32_t right, int32_t rank, int32_t product);

/* Merges ids[count] in place until no pair is left to merge; returns how many remain.
 * Time: count log count. count at most TW_MERGES_LONGEST. */
enum { TW_MERGES_LONGEST = 1 << 26 };
size_t tw_merges_apply(const tw_merges *merges, int32_t *ids, size_t count);

#endif
