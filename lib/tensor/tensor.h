#ifndef TW_TENSOR_TENSOR_H
#define TW_TENSOR_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Matrices of fp32, row-major, and the named parameters of a model. */

struct tw_adapter;

typedef struct tw_tensor {
    const char *name; /* in the checkpoint; NULL for activations */
    size_t rows, width;
    int rank; /* of a parameter on disk: 1 is [width], 2 is [rows, width] */
    float *x; /* [rows, width]; NULL if it is read through half */
    /* A frozen weight as bf16, in a map (tensor/weight.h); NULL: x has the values. */
    const uint16_t *half;
    float *dx;     /* gradient, the same shape; NULL: none is wanted (frozen) or none yet */
    bool wants_dx; /* an op must propagate into it */
    const struct tw_adapter *adapter; /* what tw_linear adds to this weight; NULL: nothing */
} tw_tensor;

/* Floats that a parameter takes where parameters lie end to end: a multiple of 16. */
static inline size_t tw_tensor_room(const tw_tensor *tensor)
{
    return (tensor->rows * tensor->width + 15) / 16 * 16;
}

/* The parameters of a model, in declaration order. Trainable ones lie end to end
 * in one buffer each for values and gradients, so that optimizers, clipping
 * and all-reduces are one loop. */
typedef struct tw_params {
    tw_tensor **tensors;
    size_t count;
    float *x, *dx; /* [size]; NULL while frozen */
    float *copies; /* of frozen ones that cannot be used where they lie; NULL: none */
    size_t size;   /* floats, each tensor padded to a multiple of 16 (zeros) */
    bool trainable;
} tw_params;

/* Declares a parameter (name is copied). No memory for values yet. rank 1 wants
 * rows == 1. Returns a tensor owned by params. */
tw_tensor *tw_params_add(tw_params *params, const char *name, int rank, size_t rows, size_t width);
tw_tensor *tw_params_find(const tw_params *params, const char *name); /* NULL if none */

/* Gives every declared parameter zeroed memory for its values (its gradients too if
 * trainable); tensors are views into params->x and params->dx. */
void tw_params_allocate(tw_params *params, bool trainable);
void tw_params_free(tw_params *params);

/* Gives frozen parameters, which may lie in a map, values of their own: copies in params->x,
 * without gradients. Nothing if they have them already. */
void tw_params_own(tw_params *params);

/* Number of values without the padding. */
size_t tw_params_values(const tw_params *params);

#endif
