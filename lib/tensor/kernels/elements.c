#include "tensor/kernels/elements.h"

#include "tensor/kernels/functions.h"
#include "tensor/kernels/kernels.h"
#include "tensor/kernels/lanes.h"
#include "tensor/op.h"

/* 0.5 (1 + tanh u) is the logistic function of 2u. */
#define GELU_A 1.5957691216F /* 2 sqrt(2/pi) */
#define GELU_B 0.0713548163F /* GELU_A * 0.044715 */

static void gelu(const float *restrict x, float *restrict y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * tw_sigmoidf((GELU_A + GELU_B * x[i] * x[i]) * x[i]);
}

static void gelu_backward(const float *restrict x, const float *restrict dy, float *restrict dx,
                          size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const float square = x[i] * x[i];
        const float s = tw_sigmoidf((GELU_A + GELU_B * square) * x[i]);
        const float slope = s + x[i] * s * (1.0F - s) * (GELU_A + 3.0F * GELU_B * square);
        dx[i] += dy[i] * slope;
    }
}

#define SQRT_HALF 0.70710678119F
#define NORMAL_DENSITY 0.39894228040F /* 1 / sqrt(2 pi): the density at 0 */

static void gelu_erf(const float *restrict x, float *restrict y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = 0.5F * x[i] * (1.0F + tw_erff(SQRT_HALF * x[i]));
}

static void gelu_erf_backward(const float *restrict x, const float *restrict dy, float *restrict dx,
                              size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const float below = 0.5F * (1.0F + tw_erff(SQRT_HALF * x[i]));
        dx[i] += dy[i] * (below + x[i] * NORMAL_DENSITY * tw_expf(-0.5F * x[i] * x[i]));
    }
}

static void silu(const float *restrict x, float *restrict y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * tw_sigmoidf(x[i]);
}

static void silu_backward(const float *restrict x, const float *restrict dy, float *restrict dx,
                          size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const float s = tw_sigmoidf(x[i]);
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

static void gated(const float *restrict gate, const float *restrict up, float *restrict y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = gate[i] * tw_sigmoidf(gate[i]) * up[i];
}

static void gated_up(const float *restrict gate, const float *restrict dy, float *restrict dup,
                     size_t n)
{
    for (size_t i = 0; i < n; i++)
        dup[i] += dy[i] * gate[i] * tw_sigmoidf(gate[i]);
}

static void gated_gate(const float *restrict gate, const float *restrict up,
                       const float *restrict dy, float *restrict dgate, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const float s = tw_sigmoidf(gate[i]);
        dgate[i] += dy[i] * up[i] * (s + gate[i] * s * (1.0F - s));
    }
}

const tw_element_kernels TW_AT_LEVEL(tw_element_kernels) = {
    .forward =
        {[TW_GELU_TANH] = gelu, [TW_GELU_ERF] = gelu_erf, [TW_SILU] = silu, [TW_RELU] = relu},
    .backward = {[TW_GELU_TANH] = gelu_backward,
                 [TW_GELU_ERF] = gelu_erf_backward,
                 [TW_SILU] = silu_backward,
                 [TW_RELU] = relu_backward},
    .gated = gated,
    .gated_up = gated_up,
    .gated_gate = gated_gate};
