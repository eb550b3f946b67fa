#include "tensor/attention.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/math.h"
#include "tensor/gemm.h"
#include "tensor/kernels/kernels.h"
#include "tensor/threads.h"

void tw_attention_gather(const tw_query_block *block, const float *x, size_t width, size_t offset,
                         size_t head_size, float *to)
{
    for (size_t i = 0; i < block->count; i++) {
        const tw_query *query = &block->queries[i];
        memcpy(to + i * head_size, x + query->row * width + offset + query->head * head_size,
               head_size * sizeof *to);
    }
}

static void add_bias(const tw_attend *op, const tw_query_block *block, float *scores)
{
    for (size_t i = 0; i < block->count; i++) {
        const float *bias = op->shape.relative->values + block->queries[i].bias;
        tw_row_axpy(scores + i * block->keys, bias, block->queries[i].limit, 1);
    }
}

void tw_attention_scores(const tw_attend *op, const tw_query_block *block, const float *q,
                         float *scores)
{
    const size_t size = op->shape.head_size, keys = block->keys;
    const float scale = op->shape.scale;
    for (size_t i = 0, at = 0; i < block->ancestors; i++) {
        const tw_keys *of = &block->ancestor[i];
        tw_gemm(false, true, block->count, of->length, size, scale, q, size, of->k, of->stride, 0,
                scores + at, keys);
        at += of->length;
    }
    for (size_t i = 0; i < block->runs; i++) {
        const tw_query_run *run = &block->run[i];
        tw_gemm(false, true, run->count, run->own.length, size, scale, q + run->first * size, size,
                run->own.k, run->own.stride, 0, scores + run->first * keys + block->shared, keys);
    }
    if (op->shape.relative)
        add_bias(op, block, scores);
}

/* y[count, head_size] = p v */
static void weigh_values(const tw_attend *op, const tw_query_block *block, const float *p, float *y)
{
    const size_t size = op->shape.head_size, keys = block->keys;
    for (size_t i = 0, at = 0; i < block->ancestors; i++) {
        const tw_keys *of = &block->ancestor[i];
        tw_gemm(false, false, block->count, size, of->length, 1, p + at, keys, of->v, of->v_stride,
                i ? 1 : 0, y, size);
        at += of->length;
    }
    for (size_t i = 0; i < block->runs; i++) {
        const tw_query_run *run = &block->run[i];
        if (run->own.length)
            tw_gemm(false, false, run->count, size, run->own.length, 1,
                    p + run->first * keys + block->shared, keys, run->own.v, run->own.v_stride,
                    block->ancestors ? 1 : 0, y + run->first * size, size);
    }
}

/* Rows of scores become probabilities, zero past each query's limit. */
static void softmax(const tw_attend *op, const tw_query_block *block, float *scores)
{
    for (size_t i = 0; i < block->count; i++) {
        const tw_query *query = &block->queries[i];
        float *row = scores + i * block->keys;
        const float max = tw_row_max(row, query->limit);
        const float sum = tw_row_exp(row, query->limit, max);
        tw_row_scale(row, query->limit, 1.0f / sum);
        memset(row + query->limit, 0, (block->keys - query->limit) * sizeof *row);
        if (op->log_sum)
            op->log_sum[query->row * op->shape.heads + query->head] =
                max + (float)tw_log((double)sum);
    }
}

static void attend(const tw_attend *op, const tw_query_block *block, tw_scratch *scratch)
{
    const size_t size = op->shape.head_size;
    float *scores =
        tw_scratch_room(scratch, block->count * (block->keys + 2 * size), sizeof *scores);
    float *q = scores + block->count * block->keys, *y = q + block->count * size;
    tw_attention_gather(block, op->query.tensor->x, op->query.tensor->width, op->query.offset, size,
                        q);
    tw_attention_scores(op, block, q, scores);
    softmax(op, block, scores);
    weigh_values(op, block, scores, y);
    for (size_t i = 0; i < block->count; i++)
        memcpy(op->y->x + block->queries[i].row * op->y->width + block->queries[i].head * size,
               y + i * size, size * sizeof *y);
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
#pragma omp parallel for if (tw_worth_threads(batch->rows * width))
    for (size_t s = 0; s < batch->count; s++) {
        const tw_segment *segment = &batch->segments[s];
        size_t at = batch->cache->slots[segment->slot].length * width;
        for (size_t which = 0; which < 2; which++)
            copy_columns(which ? &op->value : &op->key, segment->first, segment->length, width,
                         tw_cached(batch->cache, segment->slot, layer, which) + at);
    }
}

/* The same for sources, that come with the first segment of a slot. */
static void fill_sources(const tw_attend *op)
{
    const tw_batch *batch = op->batch;
    size_t width = batch->cache->width, layer = op->shape.layer;
#pragma omp parallel for if (tw_worth_threads(batch->rows * width))
    for (size_t s = 0; s < batch->count; s++) {
        if (batch->segments[s].source < 0)
            continue;
        const tw_segment *source = &batch->encoder->segments[batch->segments[s].source];
        const tw_slot *slot = &batch->cache->slots[batch->segments[s].slot];
        for (size_t which = 0; which < 2; which++)
            copy_columns(which ? &op->value : &op->key, source->first, source->length, width,
                         tw_cached_source(batch->cache, slot, layer, which));
    }
}

/* A block of queries, of one key-value head. */
typedef struct task {
    size_t group, first;
} task;

/* About how many numbers attention reads. */
static size_t work_of(const tw_attend *op)
{
    size_t keys = 0;
    for (size_t s = 0; s < op->batch->count; s++) {
        const tw_segment *segment = &op->batch->segments[s];
        keys += segment->length * (segment->past + segment->length);
    }
    return keys * op->shape.heads * op->shape.head_size;
}

static void attend_all(tw_tape *tape, const tw_attend *op)
{
    tw_arena *arena = tw_tape_arena(tape);
    const tw_arena_mark mark = tw_arena_now(arena);
    tw_group *groups;
    size_t count = tw_attention_groups(op, arena, &groups), tasks = 0;
    const size_t work = work_of(op);
    for (size_t g = 0; g < count; g++)
        tasks += (groups[g].queries + TW_QUERY_BLOCK - 1) / TW_QUERY_BLOCK;
    task *list = tw_arena_alloc(arena, tasks, sizeof *list), *last = list;
    for (size_t g = 0; g < count; g++)
        for (size_t first = 0; first < groups[g].queries; first += TW_QUERY_BLOCK)
            *last++ = (task){g, first};
    const size_t kv_heads = op->shape.kv_heads;
#pragma omp parallel if (tw_worth_threads(work))
    {
        static _Thread_local tw_scratch scratch;
#pragma omp for schedule(dynamic)
        for (size_t i = 0; i < tasks * kv_heads; i++) {
            const task *at = &list[i / kv_heads];
            tw_query_block block;
            tw_attention_block(op, &groups[at->group], i % kv_heads, at->first, &block);
            attend(op, &block, &scratch);
        }
    }
    tw_arena_reset(arena, mark);
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
    attend_all(tape, &op);
    if (y->wants_dx) {
        assert(!batch->cache);
        tw_attend *kept = tw_arena_alloc(tw_tape_arena(tape), 1, sizeof *kept);
        *kept = op;
        tw_tape_push(tape, tw_attention_backward, kept);
    }
    return y;
}
