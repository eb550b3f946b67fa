#ifndef TW_GUIDANCE_HEAD_H
#define TW_GUIDANCE_HEAD_H

#include <stddef.h>
#include <stdint.h>

#include "guidance/bound.h"
#include "tensor/op.h"
#include "tensor/tape.h"
#include "tensor/tensor.h"

/* A one-hidden-layer head, W2 relu(W1 h + b1) + b2, named and laid out as
 * torch.nn.Sequential(Linear, ReLU, Linear) would: PREFIX.0.weight [hidden, in],
 * PREFIX.0.bias, PREFIX.2.weight [out, hidden], PREFIX.2.bias. */

enum { TW_HEAD_HIDDEN = 2048 };

typedef struct tw_head {
    tw_tensor *weight1, *bias1, *weight2, *bias2; /* owned by the params */
} tw_head;

void tw_head_declare(tw_head *head, tw_params *params, const char *prefix, size_t in, size_t hidden,
                     size_t out);

/* Weights Xavier-uniform with gain 1e-4, biases -1e-4; a function of the seed and
 * the parameters' names. */
void tw_head_initialise(const tw_head *head, uint64_t seed);

/* z of every row of h [rows, in]: [rows, out]. */
tw_tensor *tw_head_forward(const tw_head *head, tw_tape *tape, tw_tensor *h);

/* Op: rewards of z, elementwise, the same shape. */
tw_tensor *tw_reward(tw_tape *tape, tw_tensor *z, tw_bound_kind bound);

#endif
