#include "tensor/segment.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void tw_batch_clear(tw_batch *batch)
{
    batch->rows = 0;
    batch->count = 0;
    if (batch->encoder)
        tw_batch_clear(batch->encoder);
}

void tw_batch_free(tw_batch *batch)
{
    free(batch->tokens);
    free(batch->positions);
    free(batch->segments);
    if (batch->encoder)
        tw_batch_free(batch->encoder);
    free(batch->encoder);
    *batch = (tw_batch){0};
}

static size_t append(tw_batch *batch, const int32_t *tokens, tw_segment segment)
{
    size_t rows = batch->rows + segment.length;
    if (rows > batch->capacity) {
        batch->capacity = rows * 2;
        batch->tokens = tw_realloc(batch->tokens, batch->capacity, sizeof *batch->tokens);
        batch->positions = tw_realloc(batch->positions, batch->capacity, sizeof *batch->positions);
    }
    if (batch->count == batch->segment_capacity) {
        batch->segment_capacity = 2 * batch->segment_capacity + 8;
        batch->segments =
            tw_realloc(batch->segments, batch->segment_capacity, sizeof *batch->segments);
    }
    memcpy(batch->tokens + batch->rows, tokens, segment.length * sizeof *tokens);
    for (size_t i = 0; i < segment.length; i++)
        batch->positions[batch->rows + i] = (int32_t)(segment.past + i);
    batch->rows = rows;
    batch->segments[batch->count] = segment;
    return batch->count++;
}

size_t tw_batch_add(tw_batch *batch, const int32_t *tokens, size_t length, int64_t parent)
{
    assert(parent < (int64_t)batch->count);
    tw_segment segment = {.first = batch->rows, .length = length, .parent = parent, .source = -1};
    if (parent >= 0) {
        segment.past = batch->segments[parent].past + batch->segments[parent].length;
        segment.source = batch->segments[parent].source;
    }
    return append(batch, tokens, segment);
}

size_t tw_batch_add_source(tw_batch *batch, const int32_t *tokens, size_t length)
{
    if (!batch->encoder)
        batch->encoder = tw_alloc(1, sizeof *batch->encoder);
    return tw_batch_add(batch->encoder, tokens, length, -1);
}

size_t tw_batch_rows(const tw_batch *batch)
{
    return batch->rows + (batch->encoder ? batch->encoder->rows : 0);
}

size_t tw_batch_continue(tw_batch *batch, const int32_t *tokens, size_t length, size_t slot)
{
    const tw_slot *at = &batch->cache->slots[slot];
    assert(at->length + length <= at->capacity);
    (void)at;
    return append(batch, tokens,
                  (tw_segment){.first = batch->rows,
                               .length = length,
                               .parent = -1,
                               .past = tw_cache_past(batch->cache, slot),
                               .slot = slot,
                               .source = -1});
}

void tw_cache_init(tw_cache *cache, size_t layers, size_t width, size_t slots)
{
    *cache = (tw_cache){.layers = layers,
                        .width = width,
                        .slots = tw_alloc(slots, sizeof *cache->slots),
                        .count = slots};
}

void tw_cache_free(tw_cache *cache)
{
    for (size_t i = 0; i < cache->count; i++) {
        free(cache->slots[i].data);
        free(cache->slots[i].source);
    }
    free(cache->slots);
    *cache = (tw_cache){0};
}

void tw_cache_open(tw_cache *cache, size_t slot, size_t capacity, int64_t parent)
{
    tw_slot *at = &cache->slots[slot];
    if (capacity != at->capacity) {
        free(at->data);
        at->data = tw_alloc(capacity * cache->layers * 2, cache->width * sizeof(float));
        at->capacity = capacity;
    }
    at->length = 0;
    at->parent = parent;
    at->source_length = 0;
}

void tw_cache_open_source(tw_cache *cache, size_t slot, size_t length)
{
    tw_slot *at = &cache->slots[slot];
    if (length > at->source_capacity) {
        free(at->source);
        at->source = tw_alloc(length * cache->layers * 2, cache->width * sizeof(float));
        at->source_capacity = length;
    }
    at->source_length = length;
}

void tw_cache_close(tw_cache *cache, size_t slot)
{
    tw_slot *at = &cache->slots[slot];
    free(at->data);
    free(at->source);
    *at = (tw_slot){.parent = -1};
}

void tw_cache_copy(tw_cache *cache, size_t to, size_t from)
{
    tw_slot *copy = &cache->slots[to];
    const tw_slot *slot = &cache->slots[from];
    assert(slot->length <= copy->capacity && slot->parent == copy->parent);
    copy->length = slot->length;
    for (size_t i = 0; i < 2 * cache->layers; i++)
        memcpy(copy->data + i * copy->capacity * cache->width,
               slot->data + i * slot->capacity * cache->width,
               slot->length * cache->width * sizeof *copy->data);
}

void tw_cache_commit(const tw_batch *batch)
{
    for (size_t s = 0; s < batch->count; s++)
        batch->cache->slots[batch->segments[s].slot].length += batch->segments[s].length;
}

size_t tw_cache_past(const tw_cache *cache, size_t slot)
{
    size_t past = 0;
    for (int64_t at = (int64_t)slot; at >= 0; at = cache->slots[at].parent)
        past += cache->slots[at].length;
    return past;
}
