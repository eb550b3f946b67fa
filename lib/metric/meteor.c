#include "metric/meteor.h"

#include <stdbool.h>
#include <stdlib.h>

#include "core/memory.h"
#include "metric/table.h"

enum { NONE = -1 };

/* One text while it is being matched. */
typedef struct side {
    int32_t *words; /* [count] id as this stage sees the word */
    bool *taken;    /* [count] already matched */
    int64_t *link;  /* [count] candidate: the reference position matched, or NONE;
                       reference: the next lower free position of the same word, or NONE */
    size_t *left;   /* [left_count] positions not yet matched, ascending */
    size_t left_count, capacity;
} side;

struct tw_meteor {
    side candidate, reference;
    tw_table highest; /* word -> its highest free reference position, or NONE */
    uint64_t present; /* the bits of the words in `highest` */
};

tw_meteor *tw_meteor_new(void)
{
    return tw_alloc(1, sizeof(tw_meteor));
}

static void free_side(side *s)
{
    free(s->words);
    free(s->taken);
    free(s->link);
    free(s->left);
}

void tw_meteor_free(tw_meteor *meteor)
{
    if (!meteor)
        return;
    free_side(&meteor->candidate);
    free_side(&meteor->reference);
    tw_table_free(&meteor->highest);
    free(meteor);
}

static void fill_side(side *s, const tw_words *words)
{
    if (s->capacity < words->count) {
        s->capacity = 2 * words->count;
        s->words = tw_realloc(s->words, s->capacity, sizeof *s->words);
        s->taken = tw_realloc(s->taken, s->capacity, sizeof *s->taken);
        s->link = tw_realloc(s->link, s->capacity, sizeof *s->link);
        s->left = tw_realloc(s->left, s->capacity, sizeof *s->left);
    }
    s->left_count = words->count;
    for (size_t i = 0; i < words->count; i++) {
        s->words[i] = words->ids[i];
        s->taken[i] = false;
        s->link[i] = NONE;
        s->left[i] = i;
    }
}

/* One bit in 64 for each word, to tell most that are not there without a search. */
static uint64_t bit_of(int32_t word)
{
    return UINT64_C(1) << ((uint32_t)word * UINT32_C(0x9E3779B9) >> 26);
}

/* Chains the free reference positions of each word, the highest in front. */
static void index_reference(tw_meteor *m)
{
    const side *r = &m->reference;
    tw_table_clear(&m->highest, r->left_count);
    m->present = 0;
    for (size_t i = 0; i < r->left_count; i++) {
        const size_t j = r->left[i];
        int64_t *head = tw_table_at(&m->highest, (uint64_t)r->words[j], NONE);
        m->reference.link[j] = *head;
        *head = (int64_t)j;
        m->present |= bit_of(r->words[j]);
    }
}

/* The chain of a word's free reference positions; NULL if there is none. */
static int64_t *free_chain(const tw_meteor *m, int32_t word)
{
    if (!(m->present & bit_of(word)))
        return NULL;
    int64_t *head = tw_table_find(&m->highest, (uint64_t)word);
    return head && *head != NONE ? head : NULL;
}

/* The one among the words' chains that begins highest; NULL if none of them is free. */
static int64_t *best_chain(const tw_meteor *m, const int32_t *words, size_t count)
{
    int64_t *best = NULL;
    for (size_t k = 0; k < count; k++) {
        int64_t *head = free_chain(m, words[k]);
        if (head && (!best || *head > *best))
            best = head;
    }
    return best;
}

static void take(tw_meteor *m, size_t position, int64_t *head)
{
    m->candidate.link[position] = *head;
    m->candidate.taken[position] = true;
    m->reference.taken[*head] = true;
    *head = m->reference.link[*head];
}

static void drop_taken(side *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->left_count; i++)
        if (!s->taken[s->left[i]])
            s->left[kept++] = s->left[i];
    s->left_count = kept;
}

/* A stage of equal words, or stems. */
static void match_equal(tw_meteor *m)
{
    side *c = &m->candidate;
    index_reference(m);
    for (size_t i = c->left_count; i-- > 0;) {
        int64_t *head = free_chain(m, c->words[c->left[i]]);
        if (head)
            take(m, c->left[i], head);
    }
    drop_taken(c);
    drop_taken(&m->reference);
}

/* The stage of synonyms. The chains of the stage before hold what is still free, and no word
 * equal to one of the candidate's is among them. */
static void match_synonyms(tw_meteor *m, tw_lexicon *lexicon)
{
    side *c = &m->candidate;
    for (size_t i = c->left_count; i-- > 0 && m->reference.left_count > 0;) {
        size_t count = 0;
        const int32_t *synonyms = tw_lexicon_synonyms(lexicon, c->words[c->left[i]], &count);
        int64_t *head = best_chain(m, synonyms, count);
        if (head)
            take(m, c->left[i], head);
    }
    drop_taken(c);
}

static void stem_side(side *s, tw_lexicon *lexicon)
{
    for (size_t i = 0; i < s->left_count; i++)
        s->words[s->left[i]] = tw_lexicon_stem(lexicon, s->words[s->left[i]]);
}

static size_t count_chunks(const int64_t *matched, size_t count)
{
    size_t chunks = 0;
    int64_t expected = NONE;
    for (size_t i = 0; i < count; i++) {
        chunks += matched[i] != NONE && matched[i] != expected;
        expected = matched[i] == NONE ? NONE : matched[i] + 1;
    }
    return chunks;
}

double tw_meteor_score(tw_meteor *m, tw_lexicon *lexicon, const tw_words *reference,
                       const tw_words *candidate)
{
    const double alpha = 0.9, gamma = 0.5;
    fill_side(&m->candidate, candidate);
    fill_side(&m->reference, reference);
    match_equal(m);
    if (m->candidate.left_count && m->reference.left_count) {
        stem_side(&m->candidate, lexicon);
        stem_side(&m->reference, lexicon);
        match_equal(m);
        match_synonyms(m, lexicon);
    }
    const size_t matches = candidate->count - m->candidate.left_count;
    if (matches == 0)
        return 0;
    const double precision = (double)matches / (double)candidate->count;
    const double recall = (double)matches / (double)reference->count;
    const double mean = precision * recall / (alpha * precision + (1 - alpha) * recall);
    const double fragments =
        (double)count_chunks(m->candidate.link, candidate->count) / (double)matches;
    return mean * (1 - gamma * fragments * fragments * fragments);
}
