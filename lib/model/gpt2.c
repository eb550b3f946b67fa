#include "model/gpt2.h"

#include <math.h>

/* GPT-2 (Radford et al. 2019): pre-norm decoder, learned positions, fused queries,
 * keys and values. Reference: transformers, modeling_gpt2.py. */

static tw_tensor *attend(const tw_config *config, const gpt2_layer *layer, size_t index,
                         tw_tape *tape, tw_tensor *x, const tw_batch *batch)
{
    size_t width = config->hidden_size;
    tw_attention_shape shape = {.heads = config->heads,
                                .kv_heads = config->heads,
                                .head_size = config->head_size,
                                .layer = index,
                                .scale = 1.0f / sqrtf((float)config->head_size)};
    x = tw_layer_norm(tape, x, layer->ln_1_gain, layer->ln_1_bias, config->norm_epsilon);
    tw_tensor *qkv = tw_linear(tape, x, layer->attn_weight, layer->attn_bias, TW_IN_OUT);
    x = tw_attention(tape, (tw_columns){qkv, 0}, (tw_columns){qkv, width},
                     (tw_columns){qkv, 2 * width}, &shape, batch);
    return tw_linear(tape, x, layer->attn_proj_weight, layer->attn_proj_bias, TW_IN_OUT);
}

static tw_tensor *mlp(const tw_config *config, const gpt2_layer *layer, tw_tape *tape, tw_tensor *x)
{
    x = tw_layer_norm(tape, x, layer->ln_2_gain, layer->ln_2_bias, config->norm_epsilon);
    x = tw_linear(tape, x, layer->fc_weight, layer->fc_bias, TW_IN_OUT);
    x = tw_activate(tape, x, config->activation);
    return tw_linear(tape, x, layer->proj_weight, layer->proj_bias, TW_IN_OUT);
}

typedef struct pass {
    const tw_config *config;
    const gpt2_layer *layers;
    tw_tape *tape;
    const tw_batch *batch;
} pass;

static tw_tensor *run_layer(const void *context, size_t index, tw_tensor *x)
{
    const pass *pass = context;
    const gpt2_layer *layer = &pass->layers[index];
    tw_tape *tape = pass->tape;
    x = tw_add(tape, x, attend(pass->config, layer, index, tape, x, pass->batch));
    return tw_add(tape, x, mlp(pass->config, layer, tape, x));
}

tw_tensor *tw_gpt2_forward(const tw_model *model, tw_tape *tape, const tw_batch *batch)
{
    const tw_config *config = &model->config;
    const gpt2 *gpt2 = model->state;
    pass *pass = tw_arena_alloc(tw_tape_arena(tape), 1, sizeof *pass);
    *pass = (struct pass){config, gpt2->layers, tape, batch};
    tw_layer layer = {run_layer, pass, 0, tw_arena_now(tw_tape_arena(tape)), NULL};
    tw_tensor *x = tw_embedding(tape, gpt2->wte, gpt2->wpe, batch);
    for (; layer.index < config->layers; layer.index++)
        x = tw_tape_layer(tape, &layer, x);
    return tw_layer_norm(tape, x, gpt2->ln_f_gain, gpt2->ln_f_bias, config->norm_epsilon);
}
