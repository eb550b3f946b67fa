#include <math.h>
#include <string.h>

#include "tensor/op.h"
#include "tensor/vector.h"

typedef struct layer_norm {
    tw_tensor *x, *gain, *bias, *y;
    float *mean, *scale; /* [rows]; scale = 1 / sqrt(var + epsilon) */
} layer_norm;

static void normalise_row(const float *x, size_t n, float epsilon, float *mean, float *scale)
{
    *mean = tw_row_sum(x, n) / (float)n;
    float variance = 0;
#pragma omp simd reduction(+ : variance)
    for (size_t j = 0; j < n; j++)
        variance += (x[j] - *mean) * (x[j] - *mean);
    *scale = 1.0f / sqrtf(variance / (float)n + epsilon);
}

/* Rows whose gain and bias gradients are summed apart, then in order: fixed, so that
 * the sums do not depend on the number of threads. */
enum { BLOCK = 128 };

static void backward_row(const layer_norm *op, size_t r, float *dx, bool fresh, float *dgain,
                         float *dbias)
{
    size_t n = op->x->width;
    const float *x = op->x->x + r * n, *dy = op->y->dx + r * n, *gain = op->gain->x;
    float mean = op->mean[r], scale = op->scale[r], sum = 0, dot = 0;
#pragma omp simd reduction(+ : sum, dot)
    for (size_t j = 0; j < n; j++) {
        float normal = (x[j] - mean) * scale, g = dy[j] * gain[j];
        sum += g;
        dot += g * normal;
        dgain[j] += dy[j] * normal;
        dbias[j] += dy[j];
    }
    if (!dx)
        return;
    sum /= (float)n;
    dot /= (float)n;
    float *to = dx + r * n;
    if (fresh)
        memset(to, 0, n * sizeof *to);
    for (size_t j = 0; j < n; j++) {
        float normal = (x[j] - mean) * scale;
        to[j] += (dy[j] * gain[j] - sum - normal * dot) * scale;
    }
}

static void layer_norm_backward(tw_tape *tape, void *args)
{
    layer_norm *op = args;
    if (!op->y->dx)
        return;
    size_t n = op->x->width, rows = op->x->rows, blocks = (rows + BLOCK - 1) / BLOCK;
    float *parts = tw_arena_zero(tw_tape_arena(tape), blocks * 2 * n, sizeof *parts);
    bool fresh = false;
    float *dx = op->x->wants_dx ? tw_gradient(tape, op->x, &fresh) : NULL;
#pragma omp parallel for
    for (size_t b = 0; b < blocks; b++) {
        size_t last = (b + 1) * BLOCK < rows ? (b + 1) * BLOCK : rows;
        for (size_t r = b * BLOCK; r < last; r++)
            backward_row(op, r, dx, fresh, parts + b * 2 * n, parts + b * 2 * n + n);
    }
    if (!op->gain->wants_dx)
        return;
    for (size_t b = 0; b < blocks; b++) {
        tw_row_axpy(op->gain->dx, parts + b * 2 * n, n, 1);
        tw_row_axpy(op->bias->dx, parts + b * 2 * n + n, n, 1);
    }
}

tw_tensor *tw_layer_norm(tw_tape *tape, tw_tensor *x, tw_tensor *gain, tw_tensor *bias,
                         float epsilon)
{
    size_t n = x->width;
    tw_tensor *y = tw_activation(tape, x->rows, n, x->wants_dx || gain->wants_dx);
    float *mean = tw_arena_alloc(tw_tape_arena(tape), x->rows, sizeof *mean);
    float *scale = tw_arena_alloc(tw_tape_arena(tape), x->rows, sizeof *scale);
#pragma omp parallel for
    for (size_t r = 0; r < x->rows; r++) {
        const float *from = x->x + r * n;
        float *to = y->x + r * n;
        normalise_row(from, n, epsilon, &mean[r], &scale[r]);
        for (size_t j = 0; j < n; j++)
            to[j] = (from[j] - mean[r]) * scale[r] * gain->x[j] + bias->x[j];
    }
    if (y->wants_dx) {
        layer_norm *op = tw_arena_alloc(tw_tape_arena(tape), 1, sizeof *op);
        *op = (layer_norm){x, gain, bias, y, mean, scale};
        tw_tape_push(tape, layer_norm_backward, op);
    }
    return y;
}
