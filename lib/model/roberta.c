#include "model/roberta.h"

#include <math.h>

/* RoBERTa (Liu et al. 2019): post-norm, learned positions, an encoder or a decoder. Reference:
 * transformers, modeling_roberta.py. */

typedef struct pass {
    const tw_config *config;
    tw_tape *tape;
    const tw_batch *batch;
    bool causal;
    const roberta_layer *layers;
} pass;

static tw_tensor *linear(const pass *pass, tw_tensor *x, const roberta_linear *linear)
{
    return tw_linear(pass->tape, x, linear->weight, linear->bias, TW_OUT_IN);
}

static tw_tensor *norm(const pass *pass, tw_tensor *x, const roberta_norm *norm)
{
    return tw_layer_norm(pass->tape, x, norm->gain, norm->bias, pass->config->norm_epsilon);
}

/* Positions of a text that is all there: tokens that are not padding count from pad + 1 on; padding
 * stays at its own number. */
static void number(const tw_batch *batch, int32_t pad, int32_t *positions)
{
    for (size_t s = 0; s < batch->count; s++) {
        const tw_segment *segment = &batch->segments[s];
        int32_t last = pad;
        for (size_t row = segment->first; row < segment->first + segment->length; row++)
            positions[row] = batch->tokens[row] == pad ? pad : ++last;
    }
}

/* Those of a text that is read in pieces. */
static void go_on(const tw_batch *batch, int32_t pad, int32_t *positions)
{
    for (size_t row = 0; row < batch->rows; row++)
        positions[row] = batch->tokens[row] == pad ? pad : pad + 1 + batch->positions[row];
}

static tw_tensor *embed(const pass *pass, const roberta *roberta)
{
    tw_arena *arena = tw_tape_arena(pass->tape);
    tw_batch placed = *pass->batch, types = *pass->batch;
    placed.positions = tw_arena_alloc(arena, placed.rows, sizeof *placed.positions);
    (pass->causal ? go_on : number)(pass->batch, pass->config->pad, placed.positions);
    types.tokens = tw_arena_zero(arena, types.rows, sizeof *types.tokens);
    tw_tensor *x = tw_embedding(pass->tape, roberta->words, roberta->positions, &placed);
    x = tw_add(pass->tape, x, tw_embedding(pass->tape, roberta->types, NULL, &types));
    return norm(pass, x, &roberta->norm);
}

static tw_tensor *attend(const pass *pass, const roberta_layer *layer, size_t index, tw_tensor *x)
{
    const tw_config *config = pass->config;
    tw_attention_shape shape = {.heads = config->heads,
                                .kv_heads = config->heads,
                                .head_size = config->head_size,
                                .layer = index,
                                .scale = 1.0f / sqrtf((float)config->head_size),
                                .bidirectional = !pass->causal};
    tw_columns q = {linear(pass, x, &layer->q), 0}, k = {linear(pass, x, &layer->k), 0};
    tw_columns v = {linear(pass, x, &layer->v), 0};
    return linear(pass, tw_attention(pass->tape, q, k, v, &shape, pass->batch), &layer->o);
}

static tw_tensor *mlp(const pass *pass, const roberta_layer *layer, tw_tensor *x)
{
    x = tw_activate(pass->tape, linear(pass, x, &layer->up), pass->config->activation);
    return linear(pass, x, &layer->down);
}

static tw_tensor *run_layer(const void *context, size_t index, tw_tensor *x)
{
    const pass *pass = context;
    const roberta_layer *layer = &pass->layers[index];
    x = norm(pass, tw_add(pass->tape, x, attend(pass, layer, index, x)), &layer->attention_norm);
    return norm(pass, tw_add(pass->tape, x, mlp(pass, layer, x)), &layer->mlp_norm);
}

tw_tensor *tw_roberta_states(const tw_model *model, tw_tape *tape, const tw_batch *batch,
                             size_t layers)
{
    const roberta *roberta = model->state;
    pass *pass = tw_arena_alloc(tw_tape_arena(tape), 1, sizeof *pass);
    *pass =
        (struct pass){&model->config, tape, batch, !model->architecture->masked, roberta->layers};
    tw_layer layer = {run_layer, pass, 0, tw_arena_now(tw_tape_arena(tape)), NULL};
    tw_tensor *x = tw_tape_keep(tape, layer.mark, embed(pass, roberta));
    for (; layer.index < layers; layer.index++)
        x = tw_tape_layer(tape, &layer, x);
    return x;
}

tw_tensor *tw_roberta_forward(const tw_model *model, tw_tape *tape, const tw_batch *batch)
{
    return tw_roberta_states(model, tape, batch, model->config.layers);
}

tw_tensor *tw_roberta_head(const tw_model *model, tw_tape *tape, tw_tensor *hidden)
{
    const roberta *roberta = model->state;
    const pass pass = {.config = &model->config, .tape = tape};
    tw_tensor *x = linear(&pass, hidden, &roberta->head);
    return norm(&pass, tw_activate(tape, x, TW_GELU_ERF), &roberta->head_norm);
}
