#ifndef TW_MODEL_GPT2_H
#define TW_MODEL_GPT2_H

#include "model/model.h"

/* GPT-2, shared by its two files: gpt2-config.c (fields, parameters, initial
 * values, the definition of tw_gpt2) and gpt2.c (forward pass). A block is
 *   x += projection(attention(c_attn(ln_1(x)))); x += c_proj(act(c_fc(ln_2(x)))).
 * Matrices are TW_IN_OUT, as transformers' Conv1D keeps them. w is hidden_size,
 * n is intermediate_size. */

typedef struct gpt2_layer {
    tw_tensor *ln_1_gain, *ln_1_bias;   /* [1, w] */
    tw_tensor *attn_weight, *attn_bias; /* c_attn: [w, 3w], [1, 3w]: queries, keys, values */
    tw_tensor *attn_proj_weight, *attn_proj_bias; /* attn.c_proj: [w, w], [1, w] */
    tw_tensor *ln_2_gain, *ln_2_bias;             /* [1, w] */
    tw_tensor *fc_weight, *fc_bias;               /* mlp.c_fc: [w, n], [1, n] */
    tw_tensor *proj_weight, *proj_bias;           /* mlp.c_proj: [n, w], [1, w] */
} gpt2_layer;

/* model->state; one allocation. */
typedef struct gpt2 {
    tw_tensor *wte;                   /* [vocab_size, w], also model->output_embedding */
    tw_tensor *wpe;                   /* [max_positions, w] */
    tw_tensor *ln_f_gain, *ln_f_bias; /* [1, w] */
    gpt2_layer layers[];              /* [config.layers] */
} gpt2;

/* Hidden states after ln_f, [batch->rows, w]: gpt2.c. */
tw_tensor *tw_gpt2_forward(const tw_model *model, tw_tape *tape, const tw_batch *batch);

#endif
