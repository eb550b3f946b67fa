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

void tw_attention_scores(const tw_attend *op, const float *q, size_t queries,
                         const tw_piece *pieces, size_t count, size_t own, float *scores,
                         size_t keys)
{
    size_t size = op->shape.head_size, q_width = op->query.tensor->width, at = 0;
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
    size_t own_before = pieces[count - 1].length - segment->length;
    size_t others = segment->past - own_before;
    for (size_t i = 0; i < segment->length; i += TW_QUERY_BLOCK) {
        size_t left = segment->length - i, queries = left < TW_QUERY_BLOCK ? left : TW_QUERY_BLOCK;
        tw_sight sight = tw_sight_of(op, segment, others, own_before, i, queries);
        size_t row = segment->first + i;
        float *scores = tw_scratch_room(scratch, queries * sight.keys, sizeof *scores);
        const float *q =
            op->query.tensor->x + row * op->query.tensor->width + op->query.offset + head * size;
        tw_attention_scores(op, q, queries, pieces, count, sight.own, scores, sight.keys);
        softmax_rows(scores, queries, &sight,
                     op->log_sum ? op->log_sum + head * op->batch->rows + row : NULL);
        weigh_values(op, scores, queries, sight.keys, pieces, count, sight.own,
                     op->y->x + row * op->y->width + head * size);
    }
}

/* New keys and values go to their slots before anybody looks at them. */
static void fill_cache(const tw_attend *op)
{
    const tw_batch *batch = op->batch;
    size_t width = batch->cache->width;
#pragma omp parallel for
    for (size_t s = 0; s < batch->count; s++) {
        const tw_segment *segment = &batch->segments[s];
        const tw_slot *slot = &batch->cache->slots[segment->slot];
        float *k = cached(batch->cache, segment->slot, op->shape.layer, 0) + slot->length * width;
        float *v = cached(batch->cache, segment->slot, op->shape.layer, 1) + slot->length * width;
        for (size_t i = 0; i < segment->length; i++) {
            size_t row = segment->first + i;
            memcpy(k + i * width, op->key.tensor->x + row * op->key.tensor->width + op->key.offset,
                   width * sizeof *k);
            memcpy(v + i * width,
                   op->value.tensor->x + row * op->value.tensor->width + op->value.offset,
                   width * sizeof *v);
        }
    }
}

tw_tensor *tw_attention(tw_tape *tape, tw_columns query, tw_columns key, tw_columns value,
                        const tw_attention_shape *shape, const tw_batch *batch)
{
    bool wants_dx = query.tensor->wants_dx || key.tensor->wants_dx || value.tensor->wants_dx;
    tw_tensor *y = tw_activation(tape, batch->rows, shape->heads * shape->head_size, wants_dx);
    tw_attend op = {query, key, value, *shape, batch, y, NULL};
    if (y->wants_dx)
        op.log_sum = tw_arena_alloc(tw_tape_arena(tape), shape->heads * batch->rows, sizeof(float));
    if (batch->cache)
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
