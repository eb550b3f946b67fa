#include "metric/rouge.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "metric/lcs.h"
#include "metric/table.h"

struct tw_rouge {
    tw_table counts;
    tw_lcs lcs;
    uint8_t *marks;
    size_t mark_capacity;
};

tw_rouge *tw_rouge_new(void)
{
    return tw_alloc(1, sizeof(tw_rouge));
}

void tw_rouge_free(tw_rouge *rouge)
{
    if (!rouge)
        return;
    tw_table_free(&rouge->counts);
    tw_lcs_free(&rouge->lcs);
    free(rouge->marks);
    free(rouge);
}

static tw_rouge_score score_of(size_t hits, size_t reference, size_t candidate)
{
    tw_rouge_score score = {0, 0, 0};
    if (hits == 0)
        return score;
    score.precision = (double)hits / (double)candidate;
    score.recall = (double)hits / (double)reference;
    score.f1 = 2 * score.precision * score.recall / (score.precision + score.recall);
    return score;
}

static uint64_t ngram(const int32_t *words, int n)
{
    const uint64_t first = (uint32_t)words[0];
    return n == 1 ? first : first << 32 | (uint32_t)words[1];
}

tw_rouge_score tw_rouge_n(tw_rouge *rouge, const tw_words *reference, const tw_words *candidate,
                          int n)
{
    const size_t drop = (size_t)n - 1;
    const size_t expected = reference->count > drop ? reference->count - drop : 0;
    const size_t given = candidate->count > drop ? candidate->count - drop : 0;
    size_t hits = 0;
    tw_table_clear(&rouge->counts, expected);
    for (size_t i = 0; i < expected; i++)
        ++*tw_table_at(&rouge->counts, ngram(reference->ids + i, n), 0);
    for (size_t i = 0; i < given; i++) {
        int64_t *left = tw_table_find(&rouge->counts, ngram(candidate->ids + i, n));
        if (left && *left > 0) {
            --*left;
            hits++;
        }
    }
    return score_of(hits, expected, given);
}

/* n * m <= 2^power */
static int check_size(size_t n, size_t m, int power, const char *metric)
{
    if (m == 0 || n <= ((size_t)1 << power) / m)
        return 0;
    return tw_fail("%s: texts of %zu and %zu words are too long to be compared", metric, n, m);
}

int tw_rouge_l(tw_rouge *rouge, const tw_words *reference, const tw_words *candidate,
               tw_rouge_score *score)
{
    if (check_size(reference->count, candidate->count, 38, "rougeL") != 0)
        return -1;
    const size_t length = tw_lcs_length(&rouge->lcs, reference->ids, reference->count,
                                        candidate->ids, candidate->count);
    *score = score_of(length, reference->count, candidate->count);
    return 0;
}

/* Marks the union of a reference sentence's subsequences with the candidate's. */
static int mark_union(tw_rouge *rouge, const int32_t *sentence, size_t length,
                      const tw_words *candidate)
{
    if (rouge->mark_capacity < length) {
        rouge->mark_capacity = 2 * length;
        rouge->marks = tw_realloc(rouge->marks, rouge->mark_capacity, 1);
    }
    memset(rouge->marks, 0, length);
    for (size_t s = 0, begin = 0; s < candidate->sentences; begin = candidate->ends[s++]) {
        const size_t other = candidate->ends[s] - begin;
        if (check_size(length, other, 32, "rougeLsum") != 0)
            return -1;
        tw_lcs_mark(&rouge->lcs, sentence, length, candidate->ids + begin, other, rouge->marks);
    }
    return 0;
}

int tw_rouge_lsum(tw_rouge *rouge, const tw_words *reference, const tw_words *candidate,
                  tw_rouge_score *score)
{
    size_t hits = 0;
    tw_table_clear(&rouge->counts, candidate->count);
    for (size_t i = 0; i < candidate->count; i++)
        ++*tw_table_at(&rouge->counts, (uint64_t)candidate->ids[i], 0);
    for (size_t s = 0, begin = 0; s < reference->sentences; begin = reference->ends[s++]) {
        const int32_t *sentence = reference->ids + begin;
        const size_t length = reference->ends[s] - begin;
        if (mark_union(rouge, sentence, length, candidate) != 0)
            return -1;
        for (size_t i = 0; i < length; i++) {
            int64_t *left =
                rouge->marks[i] ? tw_table_find(&rouge->counts, (uint64_t)sentence[i]) : NULL;
            if (left && *left > 0) {
                --*left;
                hits++;
            }
        }
    }
    *score = score_of(hits, reference->count, candidate->count);
    return 0;
}
