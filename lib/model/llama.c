#include "model/llama.h"

#include <math.h>

/* Llama (Touvron et al. 2023): pre-norm decoder with RMSNorm, rotary positions, grouped
 * queries and SwiGLU. Reference: transformers, modeling_llama.py, modeling_qwen3.py. */

typedef struct pass {
    const tw_config *config;
    tw_tape *tape;
    const tw_batch *batch;
    const tw_rotation *rotation;
    const llama_layer *layers;
} pass;

static tw_tensor *linear(const pass *pass, tw_tensor *x, const llama_linear *linear)
{
    return tw_linear(pass->tape, x, linear->weight, linear->bias, TW_OUT_IN);
}

static tw_tensor *norm(const pass *pass, tw_tensor *x, tw_tensor *gain)
{
    return tw_rms_norm(pass->tape, x, gain, pass->config->norm_epsilon);
}

/* Queries or keys where they are in the text. */
static tw_tensor *place(const pass *pass, tw_tensor *x, tw_tensor *gain)
{
    if (gain)
        x = norm(pass, x, gain);
    return tw_rope(pass->tape, x, pass->rotation);
}

static tw_tensor *attend(const pass *pass, const llama_layer *layer, size_t index, tw_tensor *x)
{
    const tw_config *config = pass->config;
    tw_attention_shape shape = {.heads = config->heads,
                                .kv_heads = config->kv_heads,
                                .head_size = config->head_size,
                                .layer = index,
                                .scale = 1.0f / sqrtf((float)config->head_size)};
    x = norm(pass, x, layer->input_norm);
    tw_tensor *q = place(pass, linear(pass, x, &layer->q), layer->q_norm);
    tw_tensor *k = place(pass, linear(pass, x, &layer->k), layer->k_norm);
    tw_tensor *v = linear(pass, x, &layer->v);
    x = tw_attention(pass->tape, (tw_columns){q, 0}, (tw_columns){k, 0}, (tw_columns){v, 0}, &shape,
                     pass->batch);
    return linear(pass, x, &layer->o);
}

static tw_tensor *mlp(const pass *pass, const llama_layer *layer, tw_tensor *x)
{
    x = norm(pass, x, layer->mlp_norm);
    tw_tensor *gate = linear(pass, x, &layer->gate), *up = linear(pass, x, &layer->up);
    return linear(pass, tw_gated_silu(pass->tape, gate, up), &layer->down);
}

static tw_tensor *run_layer(const void *context, size_t index, tw_tensor *x)
{
    const pass *pass = context;
    const llama_layer *layer = &pass->layers[index];
    x = tw_add(pass->tape, x, attend(pass, layer, index, x));
    return tw_add(pass->tape, x, mlp(pass, layer, x));
}

tw_tensor *tw_llama_forward(const tw_model *model, tw_tape *tape, const tw_batch *batch)
{
    const tw_config *config = &model->config;
    const llama *llama = model->state;
    pass *pass = tw_arena_alloc(tw_tape_arena(tape), 1, sizeof *pass);
    *pass = (struct pass){config, tape, batch, NULL, llama->layers};
    pass->rotation = tw_rotation_of(tape, llama->frequencies, config->head_size / 2, batch);
    tw_layer layer = {run_layer, pass, 0, tw_arena_now(tw_tape_arena(tape)), NULL};
    tw_tensor *x = tw_embedding(tape, llama->embedding, NULL, batch);
    for (; layer.index < config->layers; layer.index++)
        x = tw_tape_layer(tape, &layer, x);
    return norm(pass, x, llama->norm);
}
