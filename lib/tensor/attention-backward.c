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
} block;

/* p = exp(score - log_sum); ds = p (dp - sum p dp) scale, dp = dy v^T (in ds on entry). */
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
        memset(p + limit, 0, (at->sight.keys - limit) * sizeof *p);
        memset(ds + limit, 0, (at->sight.keys - limit) * sizeof *ds);
    }
}

static void block_backward(const tw_attend *op, const block *at, const tw_piece *pieces,
                           size_t count, const float *log_sum)
{
    size_t size = op->shape.head_size, q_width = op->query.tensor->width, y_width = op->y->width;
    tw_attention_scores(op, at->q, at->queries, pieces, count, at->sight.own, at->p,
                        at->sight.keys);
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

static void segment_backward(const tw_attend *op, size_t s, size_t head, tw_scratch *scratch)
{
    const tw_segment *segment = &op->batch->segments[s];
    tw_piece pieces[TW_MAX_DEPTH];
    size_t count = tw_attention_pieces(op, s, head, pieces), size = op->shape.head_size;
    for (size_t i = 0; i < segment->length; i += TW_QUERY_BLOCK) {
        size_t left = segment->length - i, queries = left < TW_QUERY_BLOCK ? left : TW_QUERY_BLOCK;
        tw_sight sight = tw_sight_of(op, segment, segment->past, 0, i, queries);
        size_t keys = sight.keys, row = segment->first + i;
        float *p = tw_scratch_room(scratch, 2 * queries * keys, sizeof *p);
        size_t q_at = row * op->query.tensor->width + op->query.offset + head * size;
        block at = {.q = op->query.tensor->x + q_at,
                    .dq = op->query.tensor->dx + q_at,
                    .dy = op->y->dx + row * op->y->width + head * size,
                    .queries = queries,
                    .sight = sight,
                    .p = p,
                    .ds = p + queries * keys};
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

/* Segments of one tree share keys, and heads of one group do: a task is one tree and one
 * key-value head, so that no two tasks add to the same gradient. */
void tw_attention_backward(tw_tape *tape, void *args)
{
    tw_attend *op = args;
    const tw_batch *batch = op->batch;
    if (!op->y->dx)
        return;
    prepare(tape, op->query.tensor);
    prepare(tape, op->key.tensor);
    prepare(tape, op->value.tensor);
    size_t *root = tw_arena_alloc(tw_tape_arena(tape), batch->count, sizeof *root);
    for (size_t s = 0; s < batch->count; s++)
        root[s] = batch->segments[s].parent < 0 ? s : root[batch->segments[s].parent];
    size_t group = op->shape.heads / op->shape.kv_heads;
#pragma omp parallel
    {
        tw_scratch scratch = {0};
#pragma omp for schedule(dynamic) collapse(2)
        for (size_t tree = 0; tree < batch->count; tree++)
            for (size_t kv_head = 0; kv_head < op->shape.kv_heads; kv_head++)
                for (size_t s = tree; s < batch->count; s++)
                    for (size_t h = 0; root[s] == tree && h < group; h++)
                        segment_backward(op, s, kv_head * group + h, &scratch);
        free(scratch.data);
    }
}
