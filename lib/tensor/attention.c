#include "tensor/attention.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/gemm.h"
#include "tensor/vector.h"

/* Fewer queries than this are computed by loops: a GEMM call costs more. */
enum { FEW_QUERIES = 4 };

static tw_piece piece_of_batch(const tw_attend *op, const tw_segment *segment, size_t kv_head)
{
    size_t k_width = op->key.tensor->width, v_width = op->value.tensor->width;
    size_t k_at = segment->first * k_width + op->key.offset + kv_head * op->shape.head_size;
    size_t v_at = segment->first * v_width + op->value.offset + kv_head * op->shape.head_size;
    return (tw_piece){.k = op->key.tensor->x + k_at,
                      .v = op->value.tensor->x + v_at,
                      .dk = op->key.tensor->dx ? op->key.tensor->dx + k_at : NULL,
                      .dv = op->value.tensor->dx ? op->value.tensor->dx + v_at : NULL,
                      .stride = k_width,
                      .v_stride = v_width,
                      .length = segment->length};
}

static float *cached(const tw_cache *cache, size_t slot, size_t layer, size_t which)
{
    const tw_slot *at = &cache->slots[slot];
    return at->data + (layer * 2 + which) * at->capacity * cache->width;
}

static float *cached_source(const tw_cache *cache, const tw_slot *slot, size_t layer, size_t which)
{
    return slot->source + (layer * 2 + which) * slot->source_length * cache->width;
}

/* Of a segment's source, that the segment shares with its ancestors. */
static tw_piece piece_of_source(const tw_attend *op, const tw_segment *segment, size_t kv_head)
{
    const tw_cache *cache = op->batch->cache;
    if (!cache) {
        assert(segment->source >= 0);
        return piece_of_batch(op, &op->batch->encoder->segments[segment->source], kv_head);
    }
    const tw_slot *slot = &cache->slots[segment->slot];
    while (slot->parent >= 0)
        slot = &cache->slots[slot->parent];
    size_t at = kv_head * op->shape.head_size;
    return (tw_piece){.k = cached_source(cache, slot, op->shape.layer, 0) + at,
                      .v = cached_source(cache, slot, op->shape.layer, 1) + at,
                      .stride = cache->width,
                      .v_stride = cache->width,
                      .length = slot->source_length};
}

static tw_piece piece_of_cache(const tw_attend *op, size_t slot, size_t new_tokens, size_t kv_head)
{
    const tw_cache *cache = op->batch->cache;
    size_t at = kv_head * op->shape.head_size;
    return (tw_piece){.k = cached(cache, slot, op->shape.layer, 0) + at,
                      .v = cached(cache, slot, op->shape.layer, 1) + at,
                      .stride = cache->width,
                      .v_stride = cache->width,
                      .length = cache->slots[slot].length + new_tokens};
}

size_t tw_attention_pieces(const tw_attend *op, size_t segment, size_t head, tw_piece *pieces)
{
    const tw_batch *batch = op->batch;
    size_t kv_head = head / (op->shape.heads / op->shape.kv_heads);
    tw_piece reversed[TW_MAX_DEPTH];
    size_t count = 0;
    if (op->shape.cross) {
        pieces[0] = piece_of_source(op, &batch->segments[segment], kv_head);
        return 1;
    }
    if (batch->cache) {
        size_t new_tokens = batch->segments[segment].length;
        for (int64_t slot = (int64_t)batch->segments[segment].slot; slot >= 0;
             slot = batch->cache->slots[slot].parent) {
            assert(count < TW_MAX_DEPTH);
            reversed[count++] = piece_of_cache(op, (size_t)slot, new_tokens, kv_head);
            new_tokens = 0;
        }
    } else {
        for (int64_t s = (int64_t)segment; s >= 0; s = batch->segments[s].parent) {
            assert(count < TW_MAX_DEPTH);
            reversed[count++] = piece_of_batch(op, &batch->segments[s], kv_head);
        }
    }
    for (size_t i = 0; i < count; i++)
        pieces[i] = reversed[count - 1 - i];
    return count;
}

static size_t piece_length(const tw_piece *pieces, size_t count, size_t i, size_t own)
{
    return i + 1 == count ? own : pieces[i].length;
}

tw_sight tw_attention_sight(const tw_attend *op, size_t segment, size_t head,
                            const tw_piece *pieces, size_t count, size_t i, size_t queries)
{
    const tw_segment *at = &op->batch->segments[segment];
    const tw_relative *relative = op->shape.relative;
    size_t last = pieces[count - 1].length, others = 0;
    for (size_t p = 0; p + 1 < count; p++)
        others += pieces[p].length;
    tw_sight sight = {.own = last, .first = others + last};
    if (!op->shape.bidirectional && !op->shape.cross) {
        size_t before = last - at->length; /* own tokens in the cache */
        sight.own = before + i + queries;
        sight.first = others + before + i + 1;
        sight.step = 1;
    }
    sight.keys = others + sight.own;
    if (relative) { /* keys stand at positions 0, 1 ... */
        sight.bias_at = head * tw_relative_width(relative) + relative->longest - 1 - at->past - i;
        sight.bias = relative->values + sight.bias_at;
    }
    return sight;
}

static void add_bias(const tw_sight *sight, float *scores, size_t queries)
{
    for (size_t r = 0; r < queries; r++) {
        const float *bias = sight->bias - r;
        float *row = scores + r * sight->keys;
        size_t limit = sight->first + r * sight->step;
        for (size_t t = 0; t < limit; t++)
            row[t] += bias[t];
    }
}

void tw_attention_scores(const tw_attend *op, const float *q, size_t queries,
                         const tw_piece *pieces, size_t count, const tw_sight *sight, float *scores)
{
    size_t size = op->shape.head_size, q_width = op->query.tensor->width, at = 0;
    size_t own = sight->own, keys = sight->keys;
    for (size_t i = 0; i < count; i++) {
        size_t length = piece_length(pieces, count, i, own);
        if (queries >= FEW_QUERIES) {
            tw_gemm(false, true, queries, length, size, op->shape.scale, q, q_width, pieces[i].k,
                    pieces[i].stride, 0, scores + at, keys);
        } else {
            for (size_t r = 0; r < queries; r++)
                for (size_t t = 0; t < length; t++)
                    scores[r * keys + at + t] =
                        op->shape.scale *
                        tw_row_dot(q + r * q_width, pieces[i].k + t * pieces[i].stride, size);
        }
        at += length;
    }
    if (sight->bias)
        add_bias(sight, scores, queries);
}

/* y[queries, head_size] = p v over the pieces */
static void weigh_values(const tw_attend *op, const float *p, size_t queries, size_t keys,
                         const tw_piece *pieces, size_t count, size_t own, float *y)
{
    size_t size = op->shape.head_size, y_width = op->y->width, at = 0;
    for (size_t i = 0; i < count; i++) {
        size_t length = piece_length(pieces, count, i, own);
        if (queries >= FEW_QUERIES) {
            tw_gemm(false, false, queries, size, length, 1, p + at, keys, pieces[i].v,
                    pieces[i].v_stride, i ? 1 : 0, y, y_width);
        } else {
            for (size_t r = 0; r < queries; r++) {
                if (i == 0)
                    memset(y + r * y_width, 0, size * sizeof *y);
                for (size_t t = 0; t < length; t++)
                    tw_row_axpy(y + r * y_width, pieces[i].v + t * pieces[i].v_stride, size,
                                p[r * keys + at + t]);
            }
        }
        at += length;
    }
}

/* Rows of scores become probabilities, zero past each row's limit. */
static void softmax_rows(float *scores, size_t queries, const tw_sight *sight, float *log_sum)
{
    size_t keys = sight->keys;
    for (size_t r = 0; r < queries; r++) {
        float *row = scores + r * keys;
        size_t limit = sight->first + r * sight->step;
        float max = tw_row_max(row, limit), sum = tw_row_exp(row, limit, max);
        tw_row_scale(row, limit, 1.0f / sum);
        memset(row + limit, 0, (keys - limit) * sizeof *row);
        if (log_sum)
            log_sum[r] = max + logf(sum);
    }
}

static void attend(const tw_attend *op, size_t s, size_t head, tw_scratch *scratch)
{
    const tw_segment *segment = &op->batch->segments[s];
    tw_piece pieces[TW_MAX_DEPTH];
    size_t count = tw_attention_pieces(op, s, head, pieces), size = op->shape.head_size;
    for (size_t i = 0; i < segment->length; i += TW_QUERY_BLOCK) {
        size_t left = segment->length - i, queries = left < TW_QUERY_BLOCK ? left : TW_QUERY_BLOCK;
        tw_sight sight = tw_attention_sight(op, s, head, pieces, count, i, queries);
        size_t row = segment->first + i;
        float *scores = tw_scratch_room(scratch, queries * sight.keys, sizeof *scores);
        const float *q =
            op->query.tensor->x + row * op->query.tensor->width + op->query.offset + head * size;
        tw_attention_scores(op, q, queries, pieces, count, &sight, scores);
        softmax_rows(scores, queries, &sight,
                     op->log_sum ? op->log_sum + head * op->batch->rows + row : NULL);
        weigh_values(op, scores, queries, sight.keys, pieces, count, sight.own,
                     op->y->x + row * op->y->width + head * size);
    }
}

static void copy_columns(const tw_columns *from, size_t first, size_t rows, size_t width, float *to)
{
    const float *x = from->tensor->x + first * from->tensor->width + from->offset;
    for (size_t i = 0; i < rows; i++)
        memcpy(to + i * width, x + i * from->tensor->width, width * sizeof *to);
}

/* New keys and values go to their slots before anybody looks at them. */
static void fill_cache(const tw_attend *op)
{
    const tw_batch *batch = op->batch;
    size_t width = batch->cache->width, layer = op->shape.layer;
#pragma omp parallel for
    for (size_t s = 0; s < batch->count; s++) {
        const tw_segment *segment = &batch->segments[s];
        size_t at = batch->cache->slots[segment->slot].length * width;
        for (size_t which = 0; which < 2; which++)
            copy_columns(which ? &op->value : &op->key, segment->first, segment->length, width,
                         cached(batch->cache, segment->slot, layer, which) + at);
    }
}

/* The same for sources, that come with the first segment of a slot. */
static void fill_sources(const tw_attend *op)
{
    const tw_batch *batch = op->batch;
    size_t width = batch->cache->width, layer = op->shape.layer;
#pragma omp parallel for
    for (size_t s = 0; s < batch->count; s++) {
        if (batch->segments[s].source < 0)
            continue;
        const tw_segment *source = &batch->encoder->segments[batch->segments[s].source];
        const tw_slot *slot = &batch->cache->slots[batch->segments[s].slot];
        for (size_t which = 0; which < 2; which++)
            copy_columns(which ? &op->value : &op->key, source->first, source->length, width,
                         cached_source(batch->cache, slot, layer, which));
    }
}

tw_tensor *tw_attention(tw_tape *tape, tw_columns query, tw_columns key, tw_columns value,
                        const tw_attention_shape *shape, const tw_batch *batch)
{
    bool wants_dx = query.tensor->wants_dx || key.tensor->wants_dx || value.tensor->wants_dx ||
                    (shape->relative && shape->relative->gradients);
    tw_tensor *y = tw_activation(tape, batch->rows, shape->heads * shape->head_size, wants_dx);
    tw_attend op = {query, key, value, *shape, batch, y, NULL};
    if (y->wants_dx)
        op.log_sum = tw_arena_alloc(tw_tape_arena(tape), shape->heads * batch->rows, sizeof(float));
    if (batch->cache && shape->cross)
        fill_sources(&op);
    else if (batch->cache)
        fill_cache(&op);
#pragma omp parallel
    {
        tw_scratch scratch = {0};
#pragma omp for schedule(dynamic, 4)
        for (size_t i = 0; i < batch->count * shape->heads; i++)
            attend(&op, i / shape->heads, i % shape->heads, &scratch);
        free(scratch.data);
    }
    if (y->wants_dx) {
        assert(!batch->cache);
        tw_attend *kept = tw_arena_alloc(tw_tape_arena(tape), 1, sizeof *kept);
        *kept = op;
        tw_tape_push(tape, tw_attention_backward, kept);
    }
    return y;
}
