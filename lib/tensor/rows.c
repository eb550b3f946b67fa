#include <string.h>

#include "tensor/kernels/kernels.h"
#include "tensor/op.h"
#include "tensor/threads.h"

/* Ops that move or add whole rows: tw_add, tw_gather. */

typedef struct add {
    tw_tensor *a, *b, *y;
} add;

/* to += from, or to = from when fresh. */
static void accumulate(float *restrict to, const float *restrict from, size_t count, bool fresh)
{
    if (fresh) {
        memcpy(to, from, count * sizeof *to);
        return;
    }
#pragma omp parallel for simd if (tw_worth_threads(count))
    for (size_t i = 0; i < count; i++)
        to[i] += from[i];
}

static void add_backward(tw_tape *tape, void *args)
{
    add *op = args;
    size_t count = op->y->rows * op->y->width;
    bool fresh;
    if (!op->y->dx)
        return;
    if (op->b->wants_dx) {
        float *db = tw_gradient(tape, op->b, &fresh);
        accumulate(db, op->y->dx, count, fresh);
    }
    if (!op->a->wants_dx)
        return;
    if (!op->a->dx) {
        op->a->dx = op->y->dx; /* nobody reads y's gradient any more */
        return;
    }
    accumulate(op->a->dx, op->y->dx, count, false);
}

tw_tensor *tw_add(tw_tape *tape, tw_tensor *a, tw_tensor *b)
{
    tw_tensor *y = tw_activation(tape, a->rows, a->width, a->wants_dx || b->wants_dx);
    size_t count = a->rows * a->width;
    float *restrict to = y->x;
    const float *restrict left = a->x, *restrict right = b->x;
#pragma omp parallel for simd if (tw_worth_threads(count))
    for (size_t i = 0; i < count; i++)
        to[i] = left[i] + right[i];
    if (y->wants_dx) {
        add *op = tw_arena_alloc(tw_tape_arena(tape), 1, sizeof *op);
        *op = (add){a, b, y};
        tw_tape_push(tape, add_backward, op);
    }
    return y;
}

typedef struct gather {
    tw_tensor *x, *y;
    uint32_t *rows; /* [y->rows] */
} gather;

static void gather_backward(tw_tape *tape, void *args)
{
    gather *op = args;
    size_t n = op->x->width;
    bool fresh;
    if (!op->y->dx)
        return;
    float *dx = tw_gradient(tape, op->x, &fresh);
    if (fresh)
        memset(dx, 0, op->x->rows * n * sizeof *dx);
    for (size_t i = 0; i < op->y->rows; i++)
        tw_row_axpy(dx + op->rows[i] * n, op->y->dx + i * n, n, 1);
}

tw_tensor *tw_gather(tw_tape *tape, tw_tensor *x, const uint32_t *rows, size_t count)
{
    size_t n = x->width;
    tw_tensor *y = tw_activation(tape, count, n, x->wants_dx);
    for (size_t i = 0; i < count; i++)
        memcpy(y->x + i * n, x->x + rows[i] * n, n * sizeof *y->x);
    if (y->wants_dx) {
        gather *op = tw_arena_alloc(tw_tape_arena(tape), 1, sizeof *op);
        *op = (gather){x, y, tw_arena_alloc(tw_tape_arena(tape), count, sizeof *rows)};
        memcpy(op->rows, rows, count * sizeof *rows);
        tw_tape_push(tape, gather_backward, op);
    }
    return y;
}
