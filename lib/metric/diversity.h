#ifndef TW_METRIC_DIVERSITY_H
#define TW_METRIC_DIVERSITY_H

#include <stddef.h>

#include "metric/table.h"
#include "metric/words.h"

/* How much a text repeats itself, by its words as tw_words_meteor cuts them. */

/* Scratch memory; start from {0}. */
typedef struct tw_diversity {
    tw_table table;
    int32_t *bigrams; /* [count - 1] bigrams as numbers */
    size_t capacity;
} tw_diversity;
void tw_diversity_free(tw_diversity *scratch);

/* Distinct n-grams as a share of all n-grams, n 1, 2 or 4 (distinct-n: J. Li et
 * al., 2016; 1 - distinct-4 is the repetition rate seq-rep-4 of S. Welleck et
 * al., 2020). 1 where there is no n-gram: nothing repeats. */
double tw_distinct(tw_diversity *scratch, const tw_words *words, int n);

#endif
