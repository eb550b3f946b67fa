#ifndef TW_TESTS_DIFFERENCES_H
#define TW_TESTS_DIFFERENCES_H

#include "tensor/tape.h"
#include "tensor/tensor.h"

/* Every op's gradient against central differences of its own values. The loss is a fixed
 * random weighting of the outputs, summed in double; each input element is moved by a step h.
 * With fp32 values of order 1, rounding leaves about 1e-7 * sqrt(terms) / h, truncation h^2: at
 * h = 1e-2 both stay below the tolerance, relative to the largest gradient of the input. */

enum { MAX_INPUTS = 4 };

#define STEP 1e-2F
#define TOLERANCE 3e-3

typedef struct trial {
    tw_tensor *inputs[MAX_INPUTS]; /* parameters, all to be checked */
    size_t count;
    const void *context;
    tw_tensor *(*run)(tw_tape *tape, const struct trial *trial);
} trial;

/* Normal numbers, a function of their place. */
float noise(uint32_t stream, size_t i);

/* A parameter (stream is its number, for the reader), and noise for all of them. */
tw_tensor *input(tw_params *params, uint32_t stream, size_t rows, size_t width);
void fill(tw_params *params);

/* Fails the test when a gradient of an input is off, or all of it is zero. */
void check(const trial *trial);

/* A copy of a parameter as an activation, so that ops meet both kinds of input. */
tw_tensor *doubled(tw_tape *tape, tw_tensor *x);

#endif
