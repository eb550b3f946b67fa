#ifndef TW_MODEL_LLAMA_H
#define TW_MODEL_LLAMA_H

#include "model/model.h"

/* Llama and its relatives (Mistral, Qwen2, Qwen3), shared by two files: llama-config.c (fields,
 * parameters, initial values, the definitions of tw_llama ...) and llama.c (forward pass).
 * A block is
 *   x += o(attention(rope(norm(q(a))), rope(norm(k(a))), v(a))), a = input_norm(x)
 *   x += down(silu(gate(b)) up(b)),                              b = mlp_norm(x)
 * where only Qwen3 normalises the heads of q and k. Matrices are TW_OUT_IN. w is hidden_size, n
 * is intermediate_size, s is head_size. */

typedef struct llama_linear {
    tw_tensor *weight; /* [out, in] */
    tw_tensor *bias;   /* [1, out]; NULL: none */
} llama_linear;

typedef struct llama_layer {
    tw_tensor *input_norm, *mlp_norm; /* [1, w] */
    llama_linear q, k, v;             /* w to heads s, kv_heads s, kv_heads s */
    llama_linear o;                   /* heads s to w */
    tw_tensor *q_norm, *k_norm;       /* [1, s]; NULL: none */
    llama_linear gate, up, down;      /* w to n, w to n, n to w */
} llama_layer;

/* model->state; one allocation. */
typedef struct llama {
    tw_tensor *embedding; /* [vocab_size, w], also model->output_embedding if tied */
    tw_tensor *norm;      /* [1, w] */
    float *frequencies;   /* [head_size / 2], after the layers */
    llama_layer layers[]; /* [config.layers] */
} llama;

/* Hidden states after the final norm, [batch->rows, w]: llama.c. */
tw_tensor *tw_llama_forward(const tw_model *model, tw_tape *tape, const tw_batch *batch);

#endif
