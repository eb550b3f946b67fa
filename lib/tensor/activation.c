#include <math.h>
#include <string.h>

#include "tensor/op.h"
#include "tensor/vector.h"

/* Elements a task. */
enum { BLOCK = 4096 };

typedef struct activate {
    tw_tensor *x, *y;
    tw_activation_kind kind;
} activate;

/* 0.5 (1 + tanh u) is the logistic function of 2u. */
#define GELU_A 1.5957691216f /* 2 sqrt(2/pi) */
#define GELU_B 0.0713548163f /* GELU_A * 0.044715 */

static void gelu(const float *restrict x, float *restrict y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] / (1.0f + tw_exp(-(GELU_A + GELU_B * x[i] * x[i]) * x[i]));
}

static void gelu_backward(const float *restrict x, const float *restrict dy, float *restrict dx,
                          size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float square = x[i] * x[i];
        float s = 1.0f / (1.0f + tw_exp(-(GELU_A + GELU_B * square) * x[i]));
        float slope = s + x[i] * s * (1.0f - s) * (GELU_A + 3.0f * GELU_B * square);
        dx[i] += dy[i] * slope;
    }
}

#define SQRT_HALF 0.70710678119F
#define NORMAL_DENSITY 0.39894228040F /* 1 / sqrt(2 pi): the density at 0 */

static void gelu_erf(const float *restrict x, float *restrict y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = 0.5F * x[i] * (1.0F + erff(SQRT_HALF * x[i]));
}

static void gelu_erf_backward(const float *restrict x, const float *restrict dy, float *restrict dx,
                              size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float below = 0.5F * (1.0F + erff(SQRT_HALF * x[i]));
        dx[i] += dy[i] * (below + x[i] * NORMAL_DENSITY * tw_exp(-0.5F * x[i] * x[i]));
    }
}

static void silu(const float *restrict x, float *restrict y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] / (1.0F + tw_exp(-x[i]));
}

static void silu_backward(const float *restrict x, const float *restrict dy, float *restrict dx,
                          size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float s = 1.0F / (1.0F + tw_exp(-x[i]));
        dx[i] += dy[i] * (s + x[i] * s * (1.0F - s));
    }
}

static void relu(const float *restrict x, float *restrict y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] > 0 ? x[i] : 0;
}

static void relu_backward(const float *restrict x, const float *restrict dy, float *restrict dx,
                          size_t n)
{
    for (size_t i = 0; i < n; i++)
        dx[i] += x[i] > 0 ? dy[i] : 0;
}

typedef void forward_fn(const float *restrict x, float *restrict y, size_t n);
typedef void backward_fn(const float *restrict x, const float *restrict dy, float *restrict dx,
                         size_t n);

static const struct {
    forward_fn *forward;
    backward_fn *backward;
} kinds[] = {[TW_GELU_TANH] = {gelu, gelu_backward},
             [TW_GELU_ERF] = {gelu_erf, gelu_erf_backward},
             [TW_SILU] = {silu, silu_backward},
             [TW_RELU] = {relu, relu_backward}};

static void activate_backward(tw_tape *tape, void *args)
{
    const activate *op = args;
    backward_fn *backward = kinds[op->kind].backward;
    if (!op->y->dx)
        return;
    bool fresh;
    float *dx = tw_gradient(tape, op->x, &fresh);
    size_t count = op->x->rows * op->x->width;
#pragma omp parallel for
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
#pragma omp parallel for
    for (size_t i = 0; i < count; i += BLOCK)
        kinds[kind].forward(x->x + i, y->x + i, count - i < BLOCK ? count - i : BLOCK);
    if (y->wants_dx) {
        activate *op = tw_arena_alloc(tw_tape_arena(tape), 1, sizeof *op);
        *op = (activate){x, y, kind};
        tw_tape_push(tape, activate_backward, op);
    }
    return y;
}
