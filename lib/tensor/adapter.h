#ifndef TW_TENSOR_ADAPTER_H
#define TW_TENSOR_ADAPTER_H

#include "tensor/op.h"

/* A low-rank addition to a linear layer (LoRA, Hu et al. 2021): with a weight W that has one
 * tw_linear computes W x + scale B (A x). Only A and B need gradients. Both lie as
 * torch.nn.Linear keeps them, whatever the layout of W. */
typedef struct tw_adapter {
    tw_tensor *a; /* [rank, in] */
    tw_tensor *b; /* [out, rank] */
    float scale;  /* alpha / rank */
} tw_adapter;

/* y += scale (x A^T) B^T, x [rows, in], y [rows, out]: an op, for tw_linear. */
void tw_adapter_apply(tw_tape *tape, const tw_adapter *adapter, tw_tensor *x, tw_tensor *y);

/* weight += scale B A, of the given layout: what the adapter adds, once and for all. */
void tw_adapter_merge(const tw_adapter *adapter, tw_weight_layout layout, float *weight);

#endif
