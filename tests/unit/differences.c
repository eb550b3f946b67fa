#include "differences.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <math.h>

#include "core/rng.h"
#include "tensor/op.h"

float noise(uint32_t stream, size_t i)
{
    return (float)tw_normal(11, TW_RNG_INIT, stream, 0, (uint32_t)i);
}

tw_tensor *input(tw_params *params, uint32_t stream, size_t rows, size_t width)
{
    (void)stream;
    return tw_params_add(params, "input", 2, rows, width);
}

void fill(tw_params *params)
{
    tw_params_allocate(params, true);
    for (uint32_t t = 0; t < params->count; t++)
        for (size_t i = 0; i < params->tensors[t]->rows * params->tensors[t]->width; i++)
            params->tensors[t]->x[i] = noise(t, i);
}

static double loss_of(const tw_tensor *y)
{
    double loss = 0;
    for (size_t i = 0; i < y->rows * y->width; i++)
        loss += (double)noise(99, i) * y->x[i];
    return loss;
}

static double value(const trial *trial)
{
    tw_tape *tape = tw_tape_new(true);
    double loss = loss_of(trial->run(tape, trial));
    tw_tape_free(tape);
    return loss;
}

static void check_input(const trial *trial, tw_tensor *in)
{
    size_t count = in->rows * in->width;
    double largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(in->dx[i]));
    assert_true(largest > 0);
    for (size_t i = 0; i < count; i++) {
        float keep = in->x[i];
        in->x[i] = keep + STEP;
        double up = value(trial);
        in->x[i] = keep - STEP;
        double down = value(trial);
        in->x[i] = keep;
        double numeric = (up - down) / (2.0 * (double)STEP);
        if (fabs(numeric - in->dx[i]) > TOLERANCE * largest)
            fail_msg("element %zu: %g, finite difference %g (largest %g)", i, in->dx[i], numeric,
                     largest);
    }
}

void check(const trial *trial)
{
    tw_tape *tape = tw_tape_new(true);
    tw_tensor *y = trial->run(tape, trial);
    bool fresh;
    float *dy = tw_gradient(tape, y, &fresh);
    assert_true(fresh);
    for (size_t i = 0; i < y->rows * y->width; i++)
        dy[i] = noise(99, i);
    tw_backward(tape);
    tw_tape_free(tape);
    for (size_t i = 0; i < trial->count; i++)
        check_input(trial, trial->inputs[i]);
}

tw_tensor *doubled(tw_tape *tape, tw_tensor *x)
{
    return tw_add(tape, x, x);
}
