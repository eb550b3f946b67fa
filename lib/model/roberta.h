#ifndef TW_MODEL_ROBERTA_H
#define TW_MODEL_ROBERTA_H

#include "model/model.h"

/* RoBERTa, shared by its two files: roberta-config.c (fields, parameters, initial values, the
 * definition of tw_roberta) and roberta.c (forward pass). x is norm(word + position + type of
 * token 0); a block is
 *   x = attention_norm(x + o(attention(q(x), k(x), v(x)))),
 *   x = mlp_norm(x + down(act(up(x)))),
 * and the head norm(gelu(dense(x))). Matrices are TW_OUT_IN. w is hidden_size, n is
 * intermediate_size.
 *
 * It is a masked LM, RobertaForMaskedLM, whose tokens see their whole text. Positions count the
 * tokens that are not padding, from pad + 1 on.
 *
 * With "is_decoder": true it is a causal LM with the same parameters, RobertaForCausalLM. Positions
 * count all tokens, from pad + 1 on; but for a padding token itself, whose position is `pad`. So
 * does transformers' model token by token, with its cache. (Reading a text at once it puts what
 * follows padding one place earlier, which only a model that writes padding can tell. Its
 * generate(), in 4.46, has positions from 0 on instead, which no model has learnt.) Prompts begin
 * with <s> where the tokenizer puts it before a text; the </s> that it puts after one does not
 * close a prompt, but a completion, where it is the end of sequence: <s> prompt completion </s>. */

typedef struct roberta_linear {
    tw_tensor *weight; /* [out, in] */
    tw_tensor *bias;   /* [1, out] */
} roberta_linear;

typedef struct roberta_norm {
    tw_tensor *gain, *bias; /* [1, w] */
} roberta_norm;

typedef struct roberta_layer {
    roberta_linear q, k, v, o;   /* attention.self.query, key, value; attention.output.dense */
    roberta_norm attention_norm; /* attention.output.LayerNorm */
    roberta_linear up, down;     /* intermediate.dense: w to n; output.dense: n to w */
    roberta_norm mlp_norm;       /* output.LayerNorm */
} roberta_layer;

/* model->state; one allocation. */
typedef struct roberta {
    tw_tensor *words;     /* [vocab_size, w], also model->output_embedding */
    tw_tensor *positions; /* [pad + 1 + max_positions, w] */
    tw_tensor *types;     /* [token_types, w] */
    roberta_norm norm;
    roberta_linear head;
    roberta_norm head_norm;
    roberta_layer layers[]; /* [config.layers] */
} roberta;

/* roberta.c: tw_architecture's masked, head, and forward (all layers). */
tw_tensor *tw_roberta_states(const tw_model *model, tw_tape *tape, const tw_batch *batch,
                             size_t layers);
tw_tensor *tw_roberta_head(const tw_model *model, tw_tape *tape, tw_tensor *hidden);
tw_tensor *tw_roberta_forward(const tw_model *model, tw_tape *tape, const tw_batch *batch);

#endif
