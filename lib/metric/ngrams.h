#ifndef TW_METRIC_NGRAMS_H
#define TW_METRIC_NGRAMS_H

#include <stddef.h>
#include <stdint.h>

#include "metric/table.h"

/* N-grams that two sequences of numbers share, each counted as often as both
 * have it: what BLEU counts of words and chrF of characters. */

/* Scratch memory; start from {0}. */
typedef struct tw_ngrams {
    tw_table table;
    int32_t *numbers; /* [reference + candidate]: of the n-gram that begins there */
    size_t capacity;
    int64_t *left; /* [numbers]: how often the reference still has an n-gram */
    size_t left_capacity;
} tw_ngrams;
void tw_ngrams_free(tw_ngrams *scratch);

/* matches[orders] of the n-grams, n from 1 to orders, of reference[n] and
 * candidate[m], whose items are >= 0; n, m < 2^31. */
void tw_ngram_matches(tw_ngrams *scratch, const int32_t *reference, size_t n,
                      const int32_t *candidate, size_t m, int orders, size_t *matches);

/* The n-grams of a sequence of `length` items. */
static inline size_t tw_ngram_count(size_t length, int n)
{
    return length >= (size_t)n ? length - (size_t)n + 1 : 0;
}

#endif
