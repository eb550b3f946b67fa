#ifndef TW_TENSOR_TAPE_H
#define TW_TENSOR_TAPE_H

#include <stdbool.h>

#include "core/memory.h"
#include "tensor/tensor.h"

/* The tape: ops append what is needed to run their gradient, tw_backward replays
 * it from the end. Activations, and their gradients, live in the tape's arena
 * until tw_tape_reset. */

typedef struct tw_tape tw_tape;

/* recording false: ops compute values only. */
tw_tape *tw_tape_new(bool recording);
void tw_tape_free(tw_tape *tape); /* accepts NULL */
void tw_tape_reset(tw_tape *tape);
tw_arena *tw_tape_arena(tw_tape *tape);
bool tw_tape_recording(const tw_tape *tape);

/* An activation [rows, width], values not initialised; wants_dx as given
 * (false when the tape does not record). */
tw_tensor *tw_activation(tw_tape *tape, size_t rows, size_t width, bool wants_dx);

/* Between layers: when the tape does not record, everything since mark is given back
 * but x, which is moved there; so a forward pass holds one layer at a time. */
tw_tensor *tw_tape_keep(tw_tape *tape, tw_arena_mark mark, tw_tensor *x);

/* A layer of a model, as the tape runs it: run(context, index, x) appends the layer's ops. */
typedef struct tw_layer {
    tw_tensor *(*run)(const void *context, size_t index, tw_tensor *x);
    const void *context; /* lives as long as the tape's arena */
    size_t index;
    tw_arena_mark mark; /* before the first layer */
    tw_tensor *outer;   /* beside x, what the layer reads and hands a gradient to; NULL: nothing */
} tw_layer;

/* Runs a layer and returns its output. When the tape does not record, only that is kept from the
 * mark on. When it records, the layer's gradients are given back as soon as that of x is known; so
 * the backward pass holds those of one layer at a time. */
tw_tensor *tw_tape_layer(tw_tape *tape, const tw_layer *layer, tw_tensor *x);

/* From now on a recorded layer keeps its input alone (Chen et al. 2016): the backward pass computes
 * the layer once more, to the same bits. */
void tw_tape_recompute(tw_tape *tape, bool recompute);

/* Appends a node: `backward(tape, args)`; args live in the arena. */
typedef void tw_backward_fn(tw_tape *tape, void *args);
void tw_tape_push(tw_tape *tape, tw_backward_fn *backward, void *args);

/* The gradient buffer of a tensor that wants one. For a parameter it accumulates:
 * *fresh is false. For an activation it is allocated at first use, then *fresh
 * is true and the op must overwrite all of it, else it must add to it. */
float *tw_gradient(tw_tape *tape, tw_tensor *tensor, bool *fresh);

/* Runs the recorded gradients in reverse. Losses seed the gradients themselves
 * (tw_cross_entropy fills that of its input when it computes the loss). */
void tw_backward(tw_tape *tape);

#endif
