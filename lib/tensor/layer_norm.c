#include <math.h>
#include <string.h>

#include "tensor/kernels/kernels.h"
#include "tensor/op.h"
#include "tensor/threads.h"

typedef struct layer_norm {
    tw_tensor *x, *gain, *bias, *y;
    float *mean, *scale; /* [rows]; scale = 1 / sqrt(var + epsilon) */
} layer_norm;

static void normalise_row(const float *x, size_t n, float epsilon, float *mean, float *scale)
{
    *mean = tw_row_sum(x, n) / (float)n;
    *scale = 1.0f / sqrtf(tw_kernel->row->squares(x, n, *mean) / (float)n + epsilon);
}

/* Rows whose gain and bias gradients are summed apart, then in order: fixed, so that
 * the sums do not depend on the number of threads. */
enum { BLOCK = 128 };

static void backward_row(const layer_norm *op, size_t r, float *dx, bool fresh, float *dgain,
                         float *dbias)
{
    const size_t n = op->x->width, at = r * n;
    const tw_norm_row row = {n, op->x->x + at, op->gain->x, op->mean[r], op->scale[r]};
    const tw_norm_gradient gradient = {op->y->dx + at, dx ? dx + at : NULL, dgain, dbias};
    if (dx && fresh)
        memset(dx + at, 0, n * sizeof *dx);
    tw_kernel->norm->backward(&row, &gradient);
}

static void layer_norm_backward(tw_tape *tape, void *args)
{
    layer_norm *op = args;
    if (!op->y->dx)
        return;
    size_t n = op->x->width, rows = op->x->rows, blocks = (rows + BLOCK - 1) / BLOCK;
    bool fresh = false;
    float *dx = op->x->wants_dx ? tw_gradient(tape, op->x, &fresh) : NULL;
    const tw_arena_mark mark = tw_arena_now(tw_tape_arena(tape));
    float *parts = tw_arena_zero(tw_tape_arena(tape), blocks * 2 * n, sizeof *parts);
#pragma omp parallel for if (tw_worth_threads(rows * n))
    for (size_t b = 0; b < blocks; b++) {
        size_t last = (b + 1) * BLOCK < rows ? (b + 1) * BLOCK : rows;
        for (size_t r = b * BLOCK; r < last; r++)
            backward_row(op, r, dx, fresh, parts + b * 2 * n, parts + b * 2 * n + n);
    }
    for (size_t b = 0; op->gain->wants_dx && b < blocks; b++) {
        tw_row_axpy(op->gain->dx, parts + b * 2 * n, n, 1);
        tw_row_axpy(op->bias->dx, parts + b * 2 * n + n, n, 1);
    }
    tw_arena_reset(tw_tape_arena(tape), mark);
}

tw_tensor *tw_layer_norm(tw_tape *tape, tw_tensor *x, tw_tensor *gain, tw_tensor *bias,
                         float epsilon)
{
    size_t n = x->width;
    tw_tensor *y = tw_activation(tape, x->rows, n, x->wants_dx || gain->wants_dx);
    float *mean = tw_arena_alloc(tw_tape_arena(tape), x->rows, sizeof *mean);
    float *scale = tw_arena_alloc(tw_tape_arena(tape), x->rows, sizeof *scale);
#pragma omp parallel for if (tw_worth_threads(x->rows * n))
    for (size_t r = 0; r < x->rows; r++) {
        const float *from = x->x + r * n;
        normalise_row(from, n, epsilon, &mean[r], &scale[r]);
        const tw_norm_row row = {n, from, gain->x, mean[r], scale[r]};
        tw_kernel->norm->forward(&row, bias->x, y->x + r * n);
    }
    if (y->wants_dx) {
        layer_norm *op = tw_arena_alloc(tw_tape_arena(tape), 1, sizeof *op);
        *op = (layer_norm){x, gain, bias, y, mean, scale};
        tw_tape_push(tape, layer_norm_backward, op);
    }
    return y;
}
