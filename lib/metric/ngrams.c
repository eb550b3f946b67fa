#include "metric/ngrams.h"

#include <stdlib.h>

#include "core/memory.h"

/* An n-gram is the number of the (n-1)-gram that begins where it does, and one
 * item more; NONE are those that the reference does not have. */
enum { NONE = -1 };

void tw_ngrams_free(tw_ngrams *scratch)
{
    tw_table_free(&scratch->table);
    free(scratch->numbers);
    free(scratch->left);
    *scratch = (tw_ngrams){0};
}

static void make_room(tw_ngrams *scratch, size_t n, size_t m)
{
    if (scratch->capacity < n + m) {
        scratch->capacity = 2 * (n + m);
        scratch->numbers =
            tw_realloc(scratch->numbers, scratch->capacity, sizeof *scratch->numbers);
    }
    if (scratch->left_capacity < n) {
        scratch->left_capacity = 2 * n;
        scratch->left = tw_realloc(scratch->left, scratch->left_capacity, sizeof *scratch->left);
    }
}

static uint64_t key_of(int32_t number, int32_t item)
{
    return (uint64_t)(uint32_t)number << 32 | (uint32_t)item;
}

/* Numbers the n-grams of the reference, numbers[count] from those one shorter. */
static void number_reference(tw_ngrams *scratch, const int32_t *items, size_t count, int n,
                             int32_t *numbers)
{
    int64_t next = 0;
    tw_table_clear(&scratch->table, count);
    for (size_t i = 0; i < count; i++) {
        const uint64_t key = key_of(n > 1 ? numbers[i] : 0, items[i + (size_t)n - 1]);
        const int64_t number = *tw_table_at(&scratch->table, key, next);
        if (number == next)
            scratch->left[next++] = 0;
        scratch->left[number]++;
        numbers[i] = (int32_t)number;
    }
}

/* Does the same for the candidate by the reference's numbers; the matches. */
static size_t match_candidate(tw_ngrams *scratch, const int32_t *items, size_t count, int n,
                              int32_t *numbers)
{
    size_t matches = 0;
    for (size_t i = 0; i < count; i++) {
        const int64_t *found = NULL;
        if (n == 1 || numbers[i] != NONE)
            found = tw_table_find(&scratch->table,
                                  key_of(n > 1 ? numbers[i] : 0, items[i + (size_t)n - 1]));
        numbers[i] = found ? (int32_t)*found : NONE;
        if (found && scratch->left[*found] > 0) {
            scratch->left[*found]--;
            matches++;
        }
    }
    return matches;
}

void tw_ngram_matches(tw_ngrams *scratch, const int32_t *reference, size_t n,
                      const int32_t *candidate, size_t m, int orders, size_t *matches)
{
    make_room(scratch, n, m);
    for (int order = 1; order <= orders; order++) {
        matches[order - 1] = 0;
        if (n == 0 || m == 0 || (order > 1 && matches[order - 2] == 0))
            continue; /* longer ones match no more */
        number_reference(scratch, reference, tw_ngram_count(n, order), order, scratch->numbers);
        matches[order - 1] = match_candidate(scratch, candidate, tw_ngram_count(m, order), order,
                                             scratch->numbers + n);
    }
}
