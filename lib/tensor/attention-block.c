/* Which queries see which keys. */

#include <assert.h>

#include "tensor/attention.h"

static tw_keys keys_of_batch(const tw_attend *op, const tw_segment *segment, size_t kv_head)
{
    size_t k_width = op->key.tensor->width, v_width = op->value.tensor->width;
    size_t k_at = segment->first * k_width + op->key.offset + kv_head * op->shape.head_size;
    size_t v_at = segment->first * v_width + op->value.offset + kv_head * op->shape.head_size;
    return (tw_keys){.k = op->key.tensor->x + k_at,
                     .v = op->value.tensor->x + v_at,
                     .dk = op->key.tensor->dx ? op->key.tensor->dx + k_at : NULL,
                     .dv = op->value.tensor->dx ? op->value.tensor->dx + v_at : NULL,
                     .stride = k_width,
                     .v_stride = v_width,
                     .length = segment->length};
}

float *tw_cached(const tw_cache *cache, size_t slot, size_t layer, size_t which)
{
    const tw_slot *at = &cache->slots[slot];
    return at->data + (layer * 2 + which) * at->capacity * cache->width;
}

float *tw_cached_source(const tw_cache *cache, const tw_slot *slot, size_t layer, size_t which)
{
    return slot->source + (layer * 2 + which) * slot->source_length * cache->width;
}

/* Of a segment's source, that the segment shares with its ancestors. */
static tw_keys keys_of_source(const tw_attend *op, const tw_segment *segment, size_t kv_head)
{
    const tw_cache *cache = op->batch->cache;
    if (!cache) {
        assert(segment->source >= 0);
        return keys_of_batch(op, &op->batch->encoder->segments[segment->source], kv_head);
    }
    const tw_slot *slot = &cache->slots[segment->slot];
    while (slot->parent >= 0)
        slot = &cache->slots[slot->parent];
    size_t at = kv_head * op->shape.head_size;
    return (tw_keys){.k = tw_cached_source(cache, slot, op->shape.layer, 0) + at,
                     .v = tw_cached_source(cache, slot, op->shape.layer, 1) + at,
                     .stride = cache->width,
                     .v_stride = cache->width,
                     .length = slot->source_length};
}

static tw_keys keys_of_cache(const tw_attend *op, size_t slot, size_t new_tokens, size_t kv_head)
{
    const tw_cache *cache = op->batch->cache;
    size_t at = kv_head * op->shape.head_size;
    return (tw_keys){.k = tw_cached(cache, slot, op->shape.layer, 0) + at,
                     .v = tw_cached(cache, slot, op->shape.layer, 1) + at,
                     .stride = cache->width,
                     .v_stride = cache->width,
                     .length = cache->slots[slot].length + new_tokens};
}

/* The keys before a segment's own that `segment` sees, root first; returns their number. */
static size_t ancestors_of(const tw_attend *op, size_t segment, size_t kv_head, tw_keys *keys)
{
    const tw_batch *batch = op->batch;
    tw_keys reversed[TW_MAX_DEPTH];
    size_t count = 0;
    if (op->shape.cross) {
        keys[0] = keys_of_source(op, &batch->segments[segment], kv_head);
        return 1;
    }
    if (batch->cache)
        for (int64_t slot = batch->cache->slots[batch->segments[segment].slot].parent; slot >= 0;
             slot = batch->cache->slots[slot].parent) {
            assert(count < TW_MAX_DEPTH);
            reversed[count++] = keys_of_cache(op, (size_t)slot, 0, kv_head);
        }
    else
        for (int64_t s = batch->segments[segment].parent; s >= 0; s = batch->segments[s].parent) {
            assert(count < TW_MAX_DEPTH);
            reversed[count++] = keys_of_batch(op, &batch->segments[s], kv_head);
        }
    for (size_t i = 0; i < count; i++)
        keys[i] = reversed[count - 1 - i];
    return count;
}

/* All of the segment's own keys, those of earlier tokens in its slot included. */
static tw_keys own_keys(const tw_attend *op, const tw_segment *segment, size_t kv_head)
{
    if (op->shape.cross)
        return (tw_keys){0};
    if (op->batch->cache)
        return keys_of_cache(op, segment->slot, segment->length, kv_head);
    return keys_of_batch(op, segment, kv_head);
}

/* What segments of a group have in common, -1: nothing. */
static int64_t group_key(const tw_attend *op, const tw_segment *segment)
{
    const tw_cache *cache = op->batch->cache;
    if (!cache)
        return op->shape.cross ? segment->source : segment->parent;
    int64_t slot = cache->slots[segment->slot].parent;
    if (!op->shape.cross)
        return slot;
    if (slot < 0)
        return (int64_t)segment->slot;
    while (cache->slots[slot].parent >= 0)
        slot = cache->slots[slot].parent;
    return slot;
}

size_t tw_attention_groups(const tw_attend *op, tw_arena *arena, tw_group **groups)
{
    const tw_batch *batch = op->batch;
    const size_t heads = op->shape.heads / op->shape.kv_heads;
    size_t count = 0;
    int64_t last = -1;
    *groups = tw_arena_alloc(arena, batch->count, sizeof **groups);
    for (size_t s = 0; s < batch->count; s++) {
        const tw_segment *segment = &batch->segments[s];
        const int64_t key = group_key(op, segment);
        if (count == 0 || key < 0 || key != last)
            (*groups)[count++] = (tw_group){s, s, 0};
        (*groups)[count - 1].end = s + 1;
        (*groups)[count - 1].queries += segment->length * heads;
        last = key;
    }
    return count;
}

/* Queries from number `at` of a segment on, `count` of them: a row's heads beside each other. */
static void add_run(const tw_attend *op, const tw_segment *segment, size_t kv_head, size_t at,
                    size_t count, tw_query_block *block)
{
    const size_t heads = op->shape.heads / op->shape.kv_heads;
    const tw_relative *relative = op->shape.relative;
    tw_query_run run = {block->count, count, own_keys(op, segment, kv_head)};
    const size_t before = run.own.length - (op->shape.cross ? 0 : segment->length);
    const size_t all = block->shared + run.own.length;
    const bool causal = !op->shape.bidirectional && !op->shape.cross;
    if (causal)
        run.own.length = before + (at + count - 1) / heads + 1;
    for (size_t q = at; q < at + count; q++) {
        const size_t i = q / heads;
        tw_query query = {.row = segment->first + i, .head = kv_head * heads + q % heads};
        query.limit = causal ? block->shared + before + i + 1 : all;
        if (relative) /* keys stand at positions 0, 1 ... */
            query.bias = query.head * tw_relative_width(relative) + relative->longest - 1 -
                         segment->past - i;
        block->queries[block->count++] = query;
    }
    if (block->shared + run.own.length > block->keys)
        block->keys = block->shared + run.own.length;
    block->run[block->runs++] = run;
}

void tw_attention_block(const tw_attend *op, const tw_group *group, size_t kv_head, size_t first,
                        tw_query_block *block)
{
    const size_t heads = op->shape.heads / op->shape.kv_heads;
    block->count = block->runs = block->shared = 0;
    block->ancestors = ancestors_of(op, group->first, kv_head, block->ancestor);
    for (size_t i = 0; i < block->ancestors; i++)
        block->shared += block->ancestor[i].length;
    block->keys = block->shared;
    for (size_t s = group->first; s < group->end && block->count < TW_QUERY_BLOCK; s++) {
        const tw_segment *segment = &op->batch->segments[s];
        const size_t queries = segment->length * heads, room = TW_QUERY_BLOCK - block->count;
        if (first >= queries) {
            first -= queries;
            continue;
        }
        add_run(op, segment, kv_head, first, queries - first < room ? queries - first : room,
                block);
        first = 0;
    }
}
