#include "tensor/adapter.h"

#include "tensor/gemm.h"

typedef struct applied {
    const tw_adapter *adapter;
    tw_tensor *x, *y;
    float *narrow; /* x A^T, [rows, rank] */
} applied;

/* With s the scale and n the narrow rows: dB += s dy^T n, dn = s dy B, dA += dn^T x, dx += dn A. */
static void adapter_backward(tw_tape *tape, void *args)
{
    const applied *op = args;
    const tw_tensor *y = op->y, *a = op->adapter->a, *b = op->adapter->b;
    size_t rows = y->rows, rank = a->rows, in = a->width, out = b->rows;
    float scale = op->adapter->scale;
    if (!y->dx)
        return;
    if (b->wants_dx)
        tw_gemm(true, false, out, rank, rows, scale, y->dx, out, op->narrow, rank, 1, b->dx, rank);
    bool fresh = false;
    float *dx = op->x->wants_dx ? tw_gradient(tape, op->x, &fresh) : NULL;
    tw_arena_mark mark = tw_arena_now(tw_tape_arena(tape));
    float *dn = tw_arena_alloc(tw_tape_arena(tape), rows * rank, sizeof *dn);
    tw_gemm(false, false, rows, rank, out, scale, y->dx, out, b->x, rank, 0, dn, rank);
    if (a->wants_dx)
        tw_gemm(true, false, rank, in, rows, 1, dn, rank, op->x->x, in, 1, a->dx, in);
    if (dx)
        tw_gemm(false, false, rows, in, rank, 1, dn, rank, a->x, in, fresh ? 0 : 1, dx, in);
    tw_arena_reset(tw_tape_arena(tape), mark);
}

void tw_adapter_apply(tw_tape *tape, const tw_adapter *adapter, tw_tensor *x, tw_tensor *y)
{
    const tw_tensor *a = adapter->a, *b = adapter->b;
    size_t rows = x->rows, rank = a->rows;
    tw_arena_mark mark = tw_arena_now(tw_tape_arena(tape));
    float *narrow = tw_arena_alloc(tw_tape_arena(tape), rows * rank, sizeof *narrow);
    tw_gemm(false, true, rows, rank, x->width, 1, x->x, x->width, a->x, x->width, 0, narrow, rank);
    tw_gemm(false, true, rows, y->width, rank, adapter->scale, narrow, rank, b->x, rank, 1, y->x,
            y->width);
    if (y->wants_dx) {
        applied *op = tw_arena_alloc(tw_tape_arena(tape), 1, sizeof *op);
        *op = (applied){adapter, x, y, narrow};
        tw_tape_push(tape, adapter_backward, op);
    } else {
        tw_arena_reset(tw_tape_arena(tape), mark);
    }
}

void tw_adapter_merge(const tw_adapter *adapter, tw_weight_layout layout, float *weight)
{
    const tw_tensor *a = adapter->a, *b = adapter->b;
    size_t rank = a->rows, in = a->width, out = b->rows;
    if (layout == TW_OUT_IN)
        tw_gemm(false, false, out, in, rank, adapter->scale, b->x, rank, a->x, in, 1, weight, in);
    else
        tw_gemm(true, true, in, out, rank, adapter->scale, a->x, in, b->x, rank, 1, weight, out);
}
