#include <string.h>

#include "tensor/kernels/kernels.h"
#include "tensor/op.h"
#include "tensor/threads.h"

typedef struct gated {
    tw_tensor *gate, *up, *y;
} gated;

static void backward_row(const gated *op, size_t r, float *dgate, float *dup)
{
    const tw_element_kernels *kernels = tw_kernel->element;
    const size_t n = op->y->width, at = r * n;
    const float *dy = op->y->dx + at, *gate = op->gate->x + at, *up = op->up->x + at;
    if (dup)
        kernels->gated_up(gate, dy, dup + at, n);
    if (dgate)
        kernels->gated_gate(gate, up, dy, dgate + at, n);
}

/* The gradient of an input, zeros when it is new; NULL when none is wanted. */
static float *gradient_of(tw_tape *tape, tw_tensor *x)
{
    if (!x->wants_dx)
        return NULL;
    bool fresh;
    float *dx = tw_gradient(tape, x, &fresh);
    if (fresh)
        memset(dx, 0, x->rows * x->width * sizeof *dx);
    return dx;
}

static void gated_backward(tw_tape *tape, void *args)
{
    gated *op = args;
    if (!op->y->dx)
        return;
    float *dgate = gradient_of(tape, op->gate), *dup = gradient_of(tape, op->up);
#pragma omp parallel for if (tw_worth_threads(op->y->rows * op->y->width))
    for (size_t r = 0; r < op->y->rows; r++)
        backward_row(op, r, dgate, dup);
}

tw_tensor *tw_gated_silu(tw_tape *tape, tw_tensor *gate, tw_tensor *up)
{
    size_t n = gate->width;
    tw_tensor *y = tw_activation(tape, gate->rows, n, gate->wants_dx || up->wants_dx);
#pragma omp parallel for if (tw_worth_threads(gate->rows * n))
    for (size_t r = 0; r < gate->rows; r++)
        tw_kernel->element->gated(gate->x + r * n, up->x + r * n, y->x + r * n, n);
    if (y->wants_dx) {
        gated *op = tw_arena_alloc(tw_tape_arena(tape), 1, sizeof *op);
        *op = (gated){gate, up, y};
        tw_tape_push(tape, gated_backward, op);
    }
    return y;
}

typedef struct multiply {
    tw_tensor *a, *b, *y;
} multiply;

/* Where a is b both gradients go to the same place, one after the other. */
static void multiply_backward(tw_tape *tape, void *args)
{
    multiply *op = args;
    if (!op->y->dx)
        return;
    float *da = gradient_of(tape, op->a), *db = gradient_of(tape, op->b);
    size_t count = op->y->rows * op->y->width;
    const float *dy = op->y->dx, *a = op->a->x, *b = op->b->x;
#pragma omp parallel for if (tw_worth_threads(count))
    for (size_t i = 0; i < count; i++) {
        if (da)
            da[i] += dy[i] * b[i];
        if (db)
            db[i] += dy[i] * a[i];
    }
}

tw_tensor *tw_multiply(tw_tape *tape, tw_tensor *a, tw_tensor *b)
{
    tw_tensor *y = tw_activation(tape, a->rows, a->width, a->wants_dx || b->wants_dx);
    size_t count = a->rows * a->width;
    float *restrict to = y->x;
    const float *restrict left = a->x, *restrict right = b->x;
#pragma omp parallel for simd if (tw_worth_threads(count))
    for (size_t i = 0; i < count; i++)
        to[i] = left[i] * right[i];
    if (y->wants_dx) {
        multiply *op = tw_arena_alloc(tw_tape_arena(tape), 1, sizeof *op);
        *op = (multiply){a, b, y};
        tw_tape_push(tape, multiply_backward, op);
    }
    return y;
}
