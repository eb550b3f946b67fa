#include <math.h>
#include <string.h>

#include "tensor/kernels/kernels.h"
#include "tensor/op.h"
#include "tensor/threads.h"

/* Below, a row is what is normalised at a time: a row of x, or one head of it. */
typedef struct rms_norm {
    tw_tensor *x, *gain, *y;
    float *scale; /* [rows] 1 / sqrt(mean square + epsilon) */
} rms_norm;

/* Rows whose gain gradients are summed apart, then in order: fixed, so that the sums do
 * not depend on the number of threads. */
enum { BLOCK = 128 };

static size_t rows_of(const tw_tensor *x, const tw_tensor *gain)
{
    return x->rows * (x->width / gain->width);
}

static void backward_row(const rms_norm *op, size_t r, float *dx, bool fresh, float *dgain)
{
    const size_t n = op->gain->width, at = r * n;
    const tw_norm_row row = {n, op->x->x + at, op->gain->x, 0, op->scale[r]};
    const tw_norm_gradient gradient = {op->y->dx + at, dx ? dx + at : NULL, dgain, NULL};
    if (dx && fresh)
        memset(dx + at, 0, n * sizeof *dx);
    tw_kernel->norm->backward(&row, &gradient);
}

static void rms_norm_backward(tw_tape *tape, void *args)
{
    rms_norm *op = args;
    if (!op->y->dx)
        return;
    size_t n = op->gain->width, rows = rows_of(op->x, op->gain);
    size_t blocks = (rows + BLOCK - 1) / BLOCK;
    bool fresh = false;
    float *dx = op->x->wants_dx ? tw_gradient(tape, op->x, &fresh) : NULL;
    const tw_arena_mark mark = tw_arena_now(tw_tape_arena(tape));
    float *parts = tw_arena_zero(tw_tape_arena(tape), blocks * n, sizeof *parts);
#pragma omp parallel for if (tw_worth_threads(rows * n))
    for (size_t b = 0; b < blocks; b++) {
        size_t last = (b + 1) * BLOCK < rows ? (b + 1) * BLOCK : rows;
        for (size_t r = b * BLOCK; r < last; r++)
            backward_row(op, r, dx, fresh, parts + b * n);
    }
    for (size_t b = 0; op->gain->wants_dx && b < blocks; b++)
        tw_row_axpy(op->gain->dx, parts + b * n, n, 1);
    tw_arena_reset(tw_tape_arena(tape), mark);
}

tw_tensor *tw_rms_norm(tw_tape *tape, tw_tensor *x, tw_tensor *gain, float epsilon)
{
    size_t n = gain->width, rows = rows_of(x, gain);
    tw_tensor *y = tw_activation(tape, x->rows, x->width, x->wants_dx || gain->wants_dx);
    float *scale = tw_arena_alloc(tw_tape_arena(tape), rows, sizeof *scale);
#pragma omp parallel for if (tw_worth_threads(rows * n))
    for (size_t r = 0; r < rows; r++) {
        const float *from = x->x + r * n;
        scale[r] = 1.0f / sqrtf(tw_row_dot(from, from, n) / (float)n + epsilon);
        const tw_norm_row row = {n, from, gain->x, 0, scale[r]};
        tw_kernel->norm->forward(&row, NULL, y->x + r * n);
    }
    if (y->wants_dx) {
        rms_norm *op = tw_arena_alloc(tw_tape_arena(tape), 1, sizeof *op);
        *op = (rms_norm){x, gain, y, scale};
        tw_tape_push(tape, rms_norm_backward, op);
    }
    return y;
}
