#include <string.h>

#include "tensor/adapter.h"
#include "tensor/gemm.h"
#include "tensor/op.h"
#include "tensor/threads.h"
#include "tensor/weight.h"

typedef struct linear {
    tw_tensor *x, *weight, *bias, *y;
    bool transposed; /* the weight is [out, in] */
} linear;

enum { COLUMNS = 64 };

/* sums[j] += sum over rows of x[r, j]; a block of columns a task. */
static void add_column_sums(const tw_tensor *y, float *sums)
{
#pragma omp parallel for if (tw_worth_threads(y->rows * y->width))
    for (size_t first = 0; first < y->width; first += COLUMNS) {
        size_t columns = y->width - first < COLUMNS ? y->width - first : COLUMNS;
        float total[COLUMNS] = {0};
        for (size_t r = 0; r < y->rows; r++) {
            const float *row = y->dx + r * y->width + first;
            for (size_t j = 0; j < columns; j++)
                total[j] += row[j];
        }
        for (size_t j = 0; j < columns; j++)
            sums[first + j] += total[j];
    }
}

static void linear_backward(tw_tape *tape, void *args)
{
    linear *op = args;
    const tw_tensor *x = op->x, *weight = op->weight, *y = op->y;
    if (!y->dx)
        return;
    if (op->bias && op->bias->wants_dx)
        add_column_sums(y, op->bias->dx);
    if (weight->wants_dx && op->transposed)
        tw_gemm(true, false, y->width, x->width, x->rows, 1, y->dx, y->width, x->x, x->width, 1,
                weight->dx, x->width);
    else if (weight->wants_dx)
        tw_gemm(true, false, x->width, y->width, x->rows, 1, x->x, x->width, y->dx, y->width, 1,
                weight->dx, y->width);
    if (op->x->wants_dx) {
        bool fresh;
        float *dx = tw_gradient(tape, op->x, &fresh);
        tw_weight_gemm(!op->transposed, x->rows, y->dx, y->width, weight, !fresh, dx, x->width);
    }
}

static void add_bias(tw_tensor *y, const float *bias)
{
#pragma omp parallel for if (tw_worth_threads(y->rows * y->width))
    for (size_t r = 0; r < y->rows; r++) {
        float *row = y->x + r * y->width;
        for (size_t j = 0; j < y->width; j++)
            row[j] += bias[j];
    }
}

tw_tensor *tw_linear(tw_tape *tape, tw_tensor *x, tw_tensor *weight, tw_tensor *bias,
                     tw_weight_layout layout)
{
    bool transposed = layout == TW_OUT_IN;
    size_t out = transposed ? weight->rows : weight->width;
    const tw_adapter *adapter = weight->adapter;
    bool wants_dx = x->wants_dx || weight->wants_dx;
    bool adapts = adapter && (adapter->a->wants_dx || adapter->b->wants_dx);
    tw_tensor *y = tw_activation(tape, x->rows, out, wants_dx || adapts);
    tw_weight_gemm(transposed, x->rows, x->x, x->width, weight, false, y->x, out);
    if (bias)
        add_bias(y, bias->x);
    if (wants_dx && y->wants_dx) {
        linear *op = tw_arena_alloc(tw_tape_arena(tape), 1, sizeof *op);
        *op = (linear){x, weight, bias, y, transposed};
        tw_tape_push(tape, linear_backward, op);
    }
    if (adapter)
        tw_adapter_apply(tape, adapter, x, y);
    return y;
}
