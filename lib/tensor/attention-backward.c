#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/attention.h"
#include "tensor/gemm.h"
#include "tensor/kernels/kernels.h"

/* Scratch of one block of queries. */
typedef struct work {
    float *q, *dq, *dy; /* [queries, head_size] */
    float *p, *ds;      /* [queries, keys] */
} work;

static work make_work(tw_scratch *scratch, const tw_query_block *block, size_t size)
{
    const size_t rows = block->count;
    float *room = tw_scratch_room(scratch, rows * (2 * block->keys + 3 * size), sizeof *room);
    work at = {.q = room, .dq = room + rows * size, .dy = room + 2 * rows * size};
    at.p = room + 3 * rows * size;
    at.ds = at.p + rows * block->keys;
    return at;
}

/* p = exp(score - log_sum); ds = p (dp - sum p dp), dp = dy v^T (in ds on entry). The bias of a
 * score is not scaled; q and k see ds times the scale. */
static void score_gradients(const tw_attend *op, const tw_query_block *block, const work *at,
                            float *drelative)
{
    const float *log_sum = op->log_sum;
    for (size_t i = 0; i < block->count; i++) {
        const tw_query *query = &block->queries[i];
        const size_t limit = query->limit, past = block->keys - limit;
        float *p = at->p + i * block->keys, *ds = at->ds + i * block->keys;
        tw_row_exp(p, limit, log_sum[query->row * op->shape.heads + query->head]);
        tw_kernel->row->softmax_gradient(ds, p, limit, tw_row_dot(p, ds, limit));
        if (drelative)
            tw_row_axpy(drelative + query->bias, ds, limit, 1);
        memset(p + limit, 0, past * sizeof *p);
        memset(ds + limit, 0, past * sizeof *ds);
    }
}

/* Gradients of some queries, from row `first` on, and of the keys that they see, from column `t` of
 * the scores on. */
static void keys_backward(const tw_attend *op, const tw_query_block *block, const work *at,
                          const tw_query_run *run, size_t t, bool add)
{
    const size_t size = op->shape.head_size, keys = block->keys, first = run->first;
    const tw_keys *of = &run->own;
    const float *ds = at->ds + first * keys + t, *p = at->p + first * keys + t;
    tw_gemm(false, false, run->count, size, of->length, op->shape.scale, ds, keys, of->k,
            of->stride, add, at->dq + first * size, size);
    tw_gemm(true, false, of->length, size, run->count, op->shape.scale, ds, keys,
            at->q + first * size, size, 1, of->dk, of->stride);
    tw_gemm(true, false, of->length, size, run->count, 1, p, keys, at->dy + first * size, size, 1,
            of->dv, of->v_stride);
}

/* ds = dy v^T over all keys. */
static void value_scores(const tw_attend *op, const tw_query_block *block, const work *at)
{
    const size_t size = op->shape.head_size, keys = block->keys;
    for (size_t i = 0, t = 0; i < block->ancestors; i++) {
        const tw_keys *of = &block->ancestor[i];
        tw_gemm(false, true, block->count, of->length, size, 1, at->dy, size, of->v, of->v_stride,
                0, at->ds + t, keys);
        t += of->length;
    }
    for (size_t i = 0; i < block->runs; i++) {
        const tw_query_run *run = &block->run[i];
        tw_gemm(false, true, run->count, run->own.length, size, 1, at->dy + run->first * size, size,
                run->own.v, run->own.v_stride, 0, at->ds + run->first * keys + block->shared, keys);
    }
}

static void block_backward(const tw_attend *op, const tw_query_block *block, float *drelative,
                           tw_scratch *scratch)
{
    const size_t size = op->shape.head_size;
    const work at = make_work(scratch, block, size);
    const tw_columns *query = &op->query;
    tw_attention_gather(block, query->tensor->x, query->tensor->width, query->offset, size, at.q);
    tw_attention_gather(block, op->y->dx, op->y->width, 0, size, at.dy);
    tw_attention_scores(op, block, at.q, at.p);
    value_scores(op, block, &at);
    score_gradients(op, block, &at, drelative);
    for (size_t i = 0, t = 0; i < block->ancestors; i++) {
        const tw_query_run all = {0, block->count, block->ancestor[i]};
        keys_backward(op, block, &at, &all, t, i > 0);
        t += all.own.length;
    }
    for (size_t i = 0; i < block->runs; i++)
        if (block->run[i].own.length)
            keys_backward(op, block, &at, &block->run[i], block->shared, block->ancestors > 0);
    for (size_t i = 0; i < block->count; i++) {
        const tw_query *of = &block->queries[i];
        tw_row_axpy(query->tensor->dx + of->row * query->tensor->width + query->offset +
                        of->head * size,
                    at.dq + i * size, size, 1);
    }
}

/* Gradient memory of q, k, v (which may be one tensor), zero where it is new. */
static void prepare(tw_tape *tape, tw_tensor *tensor)
{
    bool fresh;
    float *dx = tw_gradient(tape, tensor, &fresh);
    if (fresh)
        memset(dx, 0, tensor->rows * tensor->width * sizeof *dx);
}

/* trees[s]: the first segment that shares keys with s, by its tree or its source. */
static void find_trees(const tw_attend *op, tw_arena *arena, size_t *trees)
{
    const tw_batch *batch = op->batch;
    size_t sources = op->shape.cross ? batch->encoder->count : 0;
    size_t *first = tw_arena_alloc(arena, sources, sizeof *first);
    for (size_t i = 0; i < sources; i++)
        first[i] = batch->count;
    for (size_t s = 0; s < batch->count; s++) {
        const tw_segment *segment = &batch->segments[s];
        trees[s] = segment->parent < 0 ? s : trees[segment->parent];
        if (!op->shape.cross)
            continue;
        if (first[segment->source] == batch->count)
            first[segment->source] = s;
        trees[s] = first[segment->source];
    }
}

/* Gradients by distance of each tree apart, as tw_relative has them; values NULL: none are wanted.
 */
typedef struct parts {
    float *values; /* [segments, each], those of a tree at its first segment */
    size_t each;
} parts;

/* Summed tree after tree: whatever the threads do. */
static void add_parts(const tw_attend *op, const size_t *trees, const parts *parts)
{
    for (size_t s = 0; parts->values && s < op->batch->count; s++)
        if (trees[s] == s)
            tw_row_axpy(op->shape.relative->gradients, parts->values + s * parts->each, parts->each,
                        1);
}

/* Segments that share keys, by their tree or their source, and heads that share a key-value head
 * add to the same gradients: they are one task, whose blocks run in order. */
static void run_backward(const tw_attend *op, const size_t *trees, const tw_group *groups,
                         size_t count, const parts *parts)
{
    const size_t kv_heads = op->shape.kv_heads;
#pragma omp parallel if (op->batch->rows * op->y->width > 4096)
    {
        static _Thread_local tw_scratch scratch;
#pragma omp for schedule(dynamic) collapse(2)
        for (size_t tree = 0; tree < op->batch->count; tree++)
            for (size_t kv_head = 0; kv_head < kv_heads; kv_head++) {
                float *drelative = parts->values ? parts->values + tree * parts->each : NULL;
                for (size_t g = 0; g < count; g++)
                    for (size_t first = 0;
                         trees[groups[g].first] == tree && first < groups[g].queries;
                         first += TW_QUERY_BLOCK) {
                        tw_query_block block;
                        tw_attention_block(op, &groups[g], kv_head, first, &block);
                        block_backward(op, &block, drelative, &scratch);
                    }
            }
    }
}

void tw_attention_backward(tw_tape *tape, void *args)
{
    const tw_attend *op = args;
    const tw_relative *relative = op->shape.relative;
    tw_arena *arena = tw_tape_arena(tape);
    if (!op->y->dx)
        return;
    prepare(tape, op->query.tensor);
    prepare(tape, op->key.tensor);
    prepare(tape, op->value.tensor);
    tw_arena_mark mark = tw_arena_now(arena);
    size_t count = op->batch->count;
    size_t *trees = tw_arena_alloc(arena, count, sizeof *trees);
    find_trees(op, arena, trees);
    tw_group *groups;
    const size_t group_count = tw_attention_groups(op, arena, &groups);
    parts parts = {0};
    if (relative && relative->gradients) {
        parts.each = op->shape.heads * tw_relative_width(relative);
        parts.values = tw_arena_zero(arena, count * parts.each, sizeof *parts.values);
    }
    run_backward(op, trees, groups, group_count, &parts);
    add_parts(op, trees, &parts);
    tw_arena_reset(arena, mark);
}
