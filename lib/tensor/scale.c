#include "tensor/op.h"
#include "tensor/threads.h"

typedef struct scale {
    tw_tensor *x, *y;
    float factor;
} scale;

static void scale_backward(tw_tape *tape, void *args)
{
    const scale *op = args;
    if (!op->y->dx)
        return;
    bool fresh;
    float *dx = tw_gradient(tape, op->x, &fresh);
    size_t count = op->x->rows * op->x->width;
#pragma omp parallel for simd if (tw_worth_threads(count))
    for (size_t i = 0; i < count; i++)
        dx[i] = (fresh ? 0 : dx[i]) + op->factor * op->y->dx[i];
}

tw_tensor *tw_scale(tw_tape *tape, tw_tensor *x, float factor)
{
    tw_tensor *y = tw_activation(tape, x->rows, x->width, x->wants_dx);
    size_t count = x->rows * x->width;
    float *restrict to = y->x;
    const float *restrict from = x->x;
#pragma omp parallel for simd if (tw_worth_threads(count))
    for (size_t i = 0; i < count; i++)
        to[i] = factor * from[i];
    if (y->wants_dx) {
        scale *op = tw_arena_alloc(tw_tape_arena(tape), 1, sizeof *op);
        *op = (scale){x, y, factor};
        tw_tape_push(tape, scale_backward, op);
    }
    return y;
}
