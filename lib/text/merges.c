#include "text/merges.h"

#include <stdbool.h>
#include <stdlib.h>

#include "core/memory.h"

/* A linked list of what is still there, in place; a gone symbol has id -1. */
typedef struct symbol {
    int32_t id, previous, next; /* -1: none */
} symbol;

typedef struct candidate {
    int32_t rank, at, product; /* the symbol at `at` and its next become product */
} candidate;

typedef struct state {
    const tw_merges *merges;
    symbol *symbols;
    candidate *heap; /* least first: by rank, then by place */
    size_t heap_count;
} state;

enum { FEW = 32 };

tw_merges tw_merges_new(size_t count)
{
    size_t slots = 64;
    while (slots < 2 * count)
        slots *= 2;
    tw_merges merges = {tw_alloc(slots, sizeof *merges.slots), slots};
    for (size_t i = 0; i < slots; i++)
        merges.slots[i].product = -1;
    return merges;
}

static size_t slot_of(const tw_merges *merges, uint64_t pair)
{
    size_t mask = merges->slot_count - 1;
    /* Fibonacci hashing: the high bits of the product are well mixed. */
    size_t slot = (pair * 0x9E3779B97F4A7C15U >> 32) & mask;
    while (merges->slots[slot].product >= 0 && merges->slots[slot].pair != pair)
        slot = (slot + 1) & mask;
    return slot;
}

static uint64_t pair_of(int32_t left, int32_t right)
{
    return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

void tw_merges_put(tw_merges *merges, int32_t left, int32_t right, int32_t rank, int32_t product)
{
    uint64_t pair = pair_of(left, right);
    merges->slots[slot_of(merges, pair)] = (tw_merge){pair, rank, product};
}

static bool before(const candidate *a, const candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void push(state *s, candidate added)
{
    size_t i = s->heap_count++;
    for (; i > 0 && before(&added, &s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = added;
}

static candidate pop(state *s)
{
    candidate least = s->heap[0], last = s->heap[--s->heap_count];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < s->heap_count; i = child) {
        if (child + 1 < s->heap_count && before(&s->heap[child + 1], &s->heap[child]))
            child++;
        if (!before(&s->heap[child], &last))
            break;
        s->heap[i] = s->heap[child];
    }
    s->heap[i] = last;
    return least;
}

/* The merge of the symbol at `at` with its next, product -1 if there is none. */
static tw_merge merge_at(const state *s, int32_t at)
{
    int32_t next = s->symbols[at].next;
    if (next < 0)
        return (tw_merge){.product = -1};
    uint64_t pair = pair_of(s->symbols[at].id, s->symbols[next].id);
    return s->merges->slots[slot_of(s->merges, pair)];
}

static void consider(state *s, int32_t at)
{
    tw_merge merge = merge_at(s, at);
    if (merge.product >= 0)
        push(s, (candidate){merge.rank, at, merge.product});
}

static void join(state *s, int32_t at, int32_t product)
{
    symbol *left = &s->symbols[at], *right = &s->symbols[left->next];
    left->id = product;
    left->next = right->next;
    right->id = -1;
    if (left->next >= 0)
        s->symbols[left->next].previous = at;
    consider(s, at);
    if (left->previous >= 0)
        consider(s, left->previous);
}

size_t tw_merges_apply(const tw_merges *merges, int32_t *ids, size_t count)
{
    /* Each of the count - 1 pairs, then at most two for each join. */
    symbol few_symbols[FEW];
    candidate few_candidates[3 * FEW];
    bool few = count <= FEW;
    state s = {merges, few ? few_symbols : tw_alloc(count, sizeof *s.symbols),
               few ? few_candidates : tw_alloc(3 * count, sizeof *s.heap), 0};
    for (size_t i = 0; i < count; i++)
        s.symbols[i] = (symbol){ids[i], (int32_t)i - 1, i + 1 < count ? (int32_t)i + 1 : -1};
    for (size_t i = 0; i < count; i++)
        consider(&s, (int32_t)i);
    while (s.heap_count > 0) {
        candidate least = pop(&s);
        /* Either may have been merged with another neighbour since. */
        if (s.symbols[least.at].id >= 0 && merge_at(&s, least.at).product == least.product)
            join(&s, least.at, least.product);
    }
    size_t kept = 0;
    for (int32_t at = count > 0 ? 0 : -1; at >= 0; at = s.symbols[at].next)
        ids[kept++] = s.symbols[at].id;
    if (!few) {
        free(s.symbols);
        free(s.heap);
    }
    return kept;
}
