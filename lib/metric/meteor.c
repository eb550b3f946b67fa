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

/* Chains the free reference positions of each word, the highest in front. */
static void index_reference(tw_meteor *m)
{
    const side *r = &m->reference;
    tw_table_clear(&m->highest, r->left_count);
    for (size_t i = 0; i < r->left_count; i++) {
        const size_t j = r->left[i];
        int64_t *head = tw_table_at(&m->highest, (uint64_t)r->words[j], NONE);
        m->reference.link[j] = *head;
        *head = (int64_t)j;
    }
}

/* The head of the chain with the highest position among the words given; NULL
 * if none of them is free. */
static int64_t *best_head(tw_meteor *m, const int32_t *words, size_t count, int64_t *best)
{
    for (size_t k = 0; k < count; k++) {
        int64_t *head = tw_table_find(&m->highest, (uint64_t)words[k]);
        if (head && *head != NONE && (!best || *head > *best))
            best = head;
    }
    return best;
}

static void drop_taken(side *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->left_count; i++)
        if (!s->taken[s->left[i]])
            s->left[kept++] = s->left[i];
    s->left_count = kept;
}

/* One stage. lexicon: look for synonyms too; NULL: equal words only. */
static void match(tw_meteor *m, tw_lexicon *lexicon)
{
    side *c = &m->candidate, *r = &m->reference;
    index_reference(m);
    for (size_t i = c->left_count; i-- > 0;) {
        const size_t position = c->left[i];
        const int32_t word = c->words[position];
        int64_t *head = best_head(m, &word, 1, NULL);
        if (lexicon) {
            size_t count = 0;
            const int32_t *synonyms = tw_lexicon_synonyms(lexicon, word, &count);
            head = best_head(m, synonyms, count, head);
        }
        if (!head)
            continue;
        c->link[position] = *head;
        c->taken[position] = true;
        r->taken[*head] = true;
        *head = r->link[*head];
    }
    drop_taken(c);
    drop_taken(r);
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
    match(m, NULL);
    if (m->candidate.left_count && m->reference.left_count) {
        stem_side(&m->candidate, lexicon);
        stem_side(&m->reference, lexicon);
        match(m, NULL);
        match(m, lexicon);
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
