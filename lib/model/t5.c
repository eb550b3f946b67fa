#include "model/t5.h"

/* T5 (Raffel et al. 2020): encoder and decoder, pre-norm with RMSNorm, relative positions.
 * Reference: transformers, modeling_t5.py. */

/* One stack over its batch. */
typedef struct pass {
    const tw_config *config;
    tw_tape *tape;
    const tw_batch *batch;
    const tw_relative *relative;
    tw_tensor *source; /* the encoder's output; NULL in the encoder itself, and in decoding
                          where the cache has what is needed of it */
    bool is_encoder;
    const t5_stack *stack;
} pass;

static tw_tensor *linear(const pass *pass, tw_tensor *x, tw_tensor *weight)
{
    return tw_linear(pass->tape, x, weight, NULL, TW_OUT_IN);
}

static tw_tensor *norm(const pass *pass, tw_tensor *x, tw_tensor *gain)
{
    return tw_rms_norm(pass->tape, x, gain, pass->config->norm_epsilon);
}

/* keys: what keys and values are made of, the normalised x or the encoder's output. */
static tw_tensor *attend(const pass *pass, const t5_attention *layer, tw_tensor *x, tw_tensor *keys,
                         tw_attention_shape shape)
{
    shape.heads = shape.kv_heads = pass->config->heads;
    shape.head_size = pass->config->head_size;
    shape.scale = 1;
    tw_tensor *q = linear(pass, x, layer->q);
    tw_tensor *k = linear(pass, keys, layer->k), *v = linear(pass, keys, layer->v);
    x = tw_attention(pass->tape, (tw_columns){q, 0}, (tw_columns){k, 0}, (tw_columns){v, 0}, &shape,
                     pass->batch);
    return linear(pass, x, layer->o);
}

static tw_tensor *self_attend(const pass *pass, const t5_attention *layer, size_t index,
                              tw_tensor *x)
{
    tw_attention_shape shape = {
        .layer = index, .bidirectional = pass->is_encoder, .relative = pass->relative};
    x = norm(pass, x, layer->norm);
    return attend(pass, layer, x, x, shape);
}

static tw_tensor *cross_attend(const pass *pass, const t5_attention *layer, size_t index,
                               tw_tensor *x)
{
    tw_attention_shape shape = {.layer = index, .cross = true};
    return attend(pass, layer, norm(pass, x, layer->norm), pass->source, shape);
}

static tw_tensor *feed(const pass *pass, const t5_feed *layer, tw_tensor *x)
{
    x = norm(pass, x, layer->norm);
    tw_tensor *h = tw_activate(pass->tape, linear(pass, x, layer->in), pass->config->activation);
    if (layer->up)
        h = tw_multiply(pass->tape, h, linear(pass, x, layer->up));
    return linear(pass, h, layer->out);
}

static tw_tensor *run_layer(const void *context, size_t index, tw_tensor *x)
{
    const pass *pass = context;
    const t5_layer *layer = &pass->stack->layers[index];
    x = tw_add(pass->tape, x, self_attend(pass, &layer->self, index, x));
    if (!pass->is_encoder)
        x = tw_add(pass->tape, x, cross_attend(pass, &layer->cross, index, x));
    return tw_add(pass->tape, x, feed(pass, &layer->feed, x));
}

static tw_tensor *run(const tw_model *model, tw_tape *tape, const tw_batch *batch,
                      const t5_stack *stack, tw_tensor *source)
{
    const t5 *t5 = model->state;
    const tw_arena_mark first = tw_arena_now(tw_tape_arena(tape));
    pass *pass = tw_arena_alloc(tw_tape_arena(tape), 1, sizeof *pass);
    *pass = (struct pass){.config = &model->config, .tape = tape, .batch = batch, .stack = stack};
    pass->source = source;
    pass->is_encoder = stack == &t5->encoder;
    const tw_buckets rule = {model->config.max_distance, pass->is_encoder};
    pass->relative = tw_relative_of(tape, stack->relative, rule, batch);
    tw_layer layer = {run_layer, pass, 0, tw_arena_now(tw_tape_arena(tape)), source};
    tw_tensor *x = tw_embedding(tape, t5->embedding, NULL, batch);
    for (; layer.index < stack->count; layer.index++)
        x = tw_tape_layer(tape, &layer, x);
    return tw_tape_keep(tape, first, norm(pass, x, stack->norm));
}

tw_tensor *tw_t5_forward(const tw_model *model, tw_tape *tape, const tw_batch *batch)
{
    const t5 *t5 = model->state;
    /* In a later step of decoding no source is new: keys and values of no rows. */
    static const tw_batch nothing;
    const tw_batch *sources = batch->encoder ? batch->encoder : &nothing;
    tw_tensor *source = sources->rows > 0
                            ? run(model, tape, sources, &t5->encoder, NULL)
                            : tw_activation(tape, 0, model->config.hidden_size, false);
    return run(model, tape, batch, &t5->decoder, source);
}
