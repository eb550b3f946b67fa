#include <string.h>

#include "tensor/kernels/kernels.h"
#include "tensor/op.h"
#include "tensor/threads.h"

/* Elements a task. */
enum { BLOCK = 4096 };

typedef struct activate {
    tw_tensor *x, *y;
    tw_activation_kind kind;
} activate;

static void activate_backward(tw_tape *tape, void *args)
{
    const activate *op = args;
    tw_element_backward *backward = tw_kernel->element->backward[op->kind];
    if (!op->y->dx)
        return;
    bool fresh;
    float *dx = tw_gradient(tape, op->x, &fresh);
    size_t count = op->x->rows * op->x->width;
#pragma omp parallel for if (tw_worth_threads(count))
    for (size_t i = 0; i < count; i += BLOCK) {
        size_t n = count - i < BLOCK ? count - i : BLOCK;
        if (fresh)
            memset(dx + i, 0, n * sizeof *dx);
        backward(op->x->x + i, op->y->dx + i, dx + i, n);
    }
}

tw_tensor *tw_activate(tw_tape *tape, tw_tensor *x, tw_activation_kind kind)
{
    tw_tensor *y = tw_activation(tape, x->rows, x->width, x->wants_dx);
    size_t count = x->rows * x->width;
#pragma omp parallel for if (tw_worth_threads(count))
    for (size_t i = 0; i < count; i += BLOCK)
        tw_kernel->element->forward[kind](x->x + i, y->x + i,
                                          count - i < BLOCK ? count - i : BLOCK);
    if (y->wants_dx) {
        activate *op = tw_arena_alloc(tw_tape_arena(tape), 1, sizeof *op);
        *op = (activate){x, y, kind};
        tw_tape_push(tape, activate_backward, op);
    }
    return y;
}
