#include "metric/diversity.h"

#include <assert.h>
#include <stdlib.h>

#include "core/memory.h"

void tw_diversity_free(tw_diversity *scratch)
{
    tw_table_free(&scratch->table);
    free(scratch->bigrams);
    *scratch = (tw_diversity){0};
}

/* Numbers the pairs (ids[i], ids[i + gap]) in order of appearance into
 * numbers[count], unless that is NULL; returns how many differ. */
static size_t number_pairs(tw_table *table, const int32_t *ids, size_t count, size_t gap,
                           int32_t *numbers)
{
    int64_t next = 0;
    tw_table_clear(table, count);
    for (size_t i = 0; i < count; i++) {
        const uint64_t key = (uint64_t)(uint32_t)ids[i] << 32 | (uint32_t)ids[i + gap];
        const int64_t number = *tw_table_at(table, key, next);
        next += number == next;
        if (numbers)
            numbers[i] = (int32_t)number;
    }
    return (size_t)next;
}

double tw_distinct(tw_diversity *scratch, const tw_words *words, int n)
{
    assert(n == 1 || n == 2 || n == 4);
    if (words->count < (size_t)n)
        return 1;
    const size_t grams = words->count - (size_t)n + 1;
    if (n < 4)
        return (double)number_pairs(&scratch->table, words->ids, grams, (size_t)n - 1, NULL) /
               (double)grams;
    /* A 4-gram is a pair of bigrams. */
    if (scratch->capacity < words->count) {
        scratch->capacity = 2 * words->count;
        scratch->bigrams =
            tw_realloc(scratch->bigrams, scratch->capacity, sizeof *scratch->bigrams);
    }
    number_pairs(&scratch->table, words->ids, grams + 2, 1, scratch->bigrams);
    return (double)number_pairs(&scratch->table, scratch->bigrams, grams, 2, NULL) / (double)grams;
}
