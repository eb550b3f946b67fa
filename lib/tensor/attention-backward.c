#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/attention.h"
#include "tensor/gemm.h"
#include "tensor/vector.h"

/* Rows and columns of one block of queries. */
typedef struct block {
    const float *q, *dy; /* [queries, head_size], strides of their tensors */
    float *dq;
    size_t queries;
    tw_sight sight;
    float *p, *ds; /* [queries, keys] scratch */
    float *dbias;  /* as sight.bias; NULL: none is wanted */
} block;

/* p = exp(score - log_sum); ds = p (dp - sum p dp) scale, dp = dy v^T (in ds on entry). The
 * bias of a score is not scaled. */
static void score_gradients(const tw_attend *op, const block *at, const float *log_sum)
{
    for (size_t r = 0; r < at->queries; r++) {
        float *p = at->p + r * at->sight.keys, *ds = at->ds + r * at->sight.keys;
        size_t limit = at->sight.first + r * at->sight.step;
        for (size_t t = 0; t < limit; t++)
            p[t] = tw_exp(p[t] - log_sum[r]);
        float mean = tw_row_dot(p, ds, limit);
        for (size_t t = 0; t < limit; t++)
            ds[t] = p[t] * (ds[t] - mean) * op->shape.scale;
        if (at->dbias)
            tw_row_axpy(at->dbias - r, ds, limit, 1.0F / op->shape.scale);
        memset(p + limit, 0, (at->sight.keys - limit) * sizeof *p);
        memset(ds + limit, 0, (at->sight.keys - limit) * sizeof *ds);
    }
}

static void block_backward(const tw_attend *op, const block *at, const tw_piece *pieces,
                           size_t count, const float *log_sum)
{
    size_t size = op->shape.head_size, q_width = op->query.tensor->width, y_width = op->y->width;
    tw_attention_scores(op, at->q, at->queries, pieces, count, &at->sight, at->p);
    for (size_t i = 0, t = 0; i < count; i++) {
        size_t length = i + 1 == count ? at->sight.own : pieces[i].length;
        tw_gemm(false, true, at->queries, length, size, 1, at->dy, y_width, pieces[i].v,
                pieces[i].v_stride, 0, at->ds + t, at->sight.keys);
        t += length;
    }
    score_gradients(op, at, log_sum);
    for (size_t i = 0, t = 0; i < count; i++) {
        size_t length = i + 1 == count ? at->sight.own : pieces[i].length;
        tw_gemm(false, false, at->queries, size, length, 1, at->ds + t, at->sight.keys, pieces[i].k,
                pieces[i].stride, 1, at->dq, q_width);
        tw_gemm(true, false, length, size, at->queries, 1, at->ds + t, at->sight.keys, at->q,
                q_width, 1, pieces[i].dk, pieces[i].stride);
        tw_gemm(true, false, length, size, at->queries, 1, at->p + t, at->sight.keys, at->dy,
                y_width, 1, pieces[i].dv, pieces[i].v_stride);
        t += length;
    }
}

/* What a task writes to beside q, k and v. */
typedef struct task {
    float *drelative; /* of its group, by distance, as tw_relative has it; NULL: none is wanted */
    tw_scratch *scratch;
} task;

static void segment_backward(const tw_attend *op, size_t s, size_t head, const task *task)
{
    const tw_segment *segment = &op->batch->segments[s];
    tw_piece pieces[TW_MAX_DEPTH];
    size_t count = tw_attention_pieces(op, s, head, pieces), size = op->shape.head_size;
    for (size_t i = 0; i < segment->length; i += TW_QUERY_BLOCK) {
        size_t left = segment->length - i, queries = left < TW_QUERY_BLOCK ? left : TW_QUERY_BLOCK;
        tw_sight sight = tw_attention_sight(op, s, head, pieces, count, i, queries);
        size_t keys = sight.keys, row = segment->first + i;
        float *p = tw_scratch_room(task->scratch, 2 * queries * keys, sizeof *p);
        size_t q_at = row * op->query.tensor->width + op->query.offset + head * size;
        block at = {.q = op->query.tensor->x + q_at,
                    .dq = op->query.tensor->dx + q_at,
                    .dy = op->y->dx + row * op->y->width + head * size,
                    .queries = queries,
                    .sight = sight,
                    .p = p,
                    .ds = p + queries * keys,
                    .dbias = task->drelative ? task->drelative + sight.bias_at : NULL};
        block_backward(op, &at, pieces, count, op->log_sum + head * op->batch->rows + row);
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

/* groups[s]: the first segment that shares keys with s, by its tree or its source. */
static void group_segments(const tw_attend *op, tw_arena *arena, size_t *groups)
{
    const tw_batch *batch = op->batch;
    size_t sources = op->shape.cross ? batch->encoder->count : 0;
    size_t *first = tw_arena_alloc(arena, sources, sizeof *first);
    for (size_t i = 0; i < sources; i++)
        first[i] = batch->count;
    for (size_t s = 0; s < batch->count; s++) {
        const tw_segment *segment = &batch->segments[s];
        groups[s] = segment->parent < 0 ? s : groups[segment->parent];
        if (!op->shape.cross)
            continue;
        if (first[segment->source] == batch->count)
            first[segment->source] = s;
        groups[s] = first[segment->source];
    }
}

/* Gradients by distance of each group apart, as tw_relative has them; values NULL: none are
 * wanted. */
typedef struct parts {
    float *values; /* [segments, each], those of a group at its first segment */
    size_t each;
} parts;

/* Summed group after group: whatever the threads do. */
static void add_parts(const tw_attend *op, const size_t *groups, const parts *parts)
{
    for (size_t s = 0; parts->values && s < op->batch->count; s++)
        if (groups[s] == s)
            tw_row_axpy(op->shape.relative->gradients, parts->values + s * parts->each, parts->each,
                        1);
}

/* Segments of one group share keys, and heads of one group do: a task is one of the first and one
 * key-value head, so that no two tasks add to the same gradient. */
static void run_backward(const tw_attend *op, const size_t *groups, const parts *parts)
{
    const tw_batch *batch = op->batch;
    size_t heads = op->shape.heads / op->shape.kv_heads;
#pragma omp parallel
    {
        tw_scratch scratch = {0};
#pragma omp for schedule(dynamic) collapse(2)
        for (size_t group = 0; group < batch->count; group++)
            for (size_t kv_head = 0; kv_head < op->shape.kv_heads; kv_head++) {
                const task task = {parts->values ? parts->values + group * parts->each : NULL,
                                   &scratch};
                for (size_t s = group; s < batch->count; s++)
                    for (size_t h = 0; groups[s] == group && h < heads; h++)
                        segment_backward(op, s, kv_head * heads + h, &task);
            }
        free(scratch.data);
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
    size_t *groups = tw_arena_alloc(arena, count, sizeof *groups);
    group_segments(op, arena, groups);
    parts parts = {0};
    if (relative && relative->gradients) {
        parts.each = op->shape.heads * tw_relative_width(relative);
        parts.values = tw_arena_zero(arena, count * parts.each, sizeof *parts.values);
    }
    run_backward(op, groups, &parts);
    add_parts(op, groups, &parts);
    tw_arena_reset(arena, mark);
}
