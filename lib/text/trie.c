#include "text/trie.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

static int compare(const void *left, const void *right)
{
    const tw_trie_key *a = left, *b = right;
    size_t shared = a->count < b->count ? a->count : b->count;
    int order = shared > 0 ? memcmp(a->bytes, b->bytes, shared) : 0;
    if (order != 0)
        return order;
    if (a->count != b->count)
        return a->count < b->count ? -1 : 1;
    return a->value > b->value ? -1 : a->value < b->value;
}

/* The keys that go through a node: begin .. end, which share their first `depth` bytes. */
typedef struct range {
    size_t begin, end, depth;
} range;

typedef struct growing {
    tw_trie trie;
    range *ranges; /* [count] */
    size_t capacity;
} growing;

static void add_node(growing *g, range keys, uint8_t label)
{
    tw_trie *trie = &g->trie;
    if (trie->count == g->capacity) {
        g->capacity = g->capacity ? 2 * g->capacity : 1024;
        g->ranges = tw_realloc(g->ranges, g->capacity, sizeof *g->ranges);
        trie->first = tw_realloc(trie->first, g->capacity + 1, sizeof *trie->first);
        trie->labels = tw_realloc(trie->labels, g->capacity, sizeof *trie->labels);
        trie->values = tw_realloc(trie->values, g->capacity, sizeof *trie->values);
    }
    g->ranges[trie->count] = keys;
    trie->labels[trie->count] = label;
    trie->values[trie->count++] = -1;
}

/* Gives a node its value and its children. */
static void open_node(growing *g, const tw_trie_key *keys, size_t node)
{
    range r = g->ranges[node];
    g->trie.first[node] = (uint32_t)g->trie.count;
    if (r.begin < r.end && keys[r.begin].count == r.depth)
        g->trie.values[node] = keys[r.begin].value;
    while (r.begin < r.end && keys[r.begin].count == r.depth)
        r.begin++;
    for (size_t end; r.begin < r.end; r.begin = end) {
        const char label = keys[r.begin].bytes[r.depth];
        for (end = r.begin + 1; end < r.end && keys[end].bytes[r.depth] == label;)
            end++;
        add_node(g, (range){r.begin, end, r.depth + 1}, (uint8_t)label);
    }
    g->trie.first[node + 1] = (uint32_t)g->trie.count;
}

tw_trie tw_trie_new(tw_trie_key *keys, size_t count)
{
    growing g = {0};
    if (count > 0)
        qsort(keys, count, sizeof *keys, compare);
    add_node(&g, (range){0, count, 0}, 0);
    for (size_t node = 0; node < g.trie.count; node++)
        open_node(&g, keys, node);
    free(g.ranges);
    return g.trie;
}

void tw_trie_clear(tw_trie *trie)
{
    free(trie->first);
    free(trie->labels);
    free(trie->values);
    *trie = (tw_trie){0};
}

uint32_t tw_trie_step(const tw_trie *trie, uint32_t node, unsigned char byte)
{
    const uint8_t *labels = trie->labels + trie->first[node];
    const uint8_t *found = memchr(labels, byte, trie->first[node + 1] - trie->first[node]);
    return found ? trie->first[node] + (uint32_t)(found - labels) : 0;
}

int32_t tw_trie_find(const tw_trie *trie, const char *bytes, size_t count)
{
    uint32_t node = 0;
    for (size_t i = 0; i < count; i++)
        if ((node = tw_trie_step(trie, node, (unsigned char)bytes[i])) == 0)
            return -1;
    return trie->values[node];
}
