#include "model/footprint.h"

#include <string.h>

#include "model/lora.h"
#include "tensor/attention.h"
#include "tensor/gemm.h"

enum { LOGIT_ROWS = 256 };

/* As tw_values_take decides it. */
static bool stays_mapped(const tw_model *model, const tw_array *array)
{
    return array->dtype == TW_F32 ||
           (array->dtype == TW_BF16 && array->rank == 2 && model->architecture->packed);
}

int tw_model_footprint(const tw_model *model, tw_use use, tw_footprint *footprint)
{
    const struct tw_lora *lora = model->lora;
    size_t all = model->params.size * sizeof(float);
    *footprint = (tw_footprint){0};
    if (use == TW_USE_TRAINABLE)
        footprint->values = footprint->gradients = all;
    if (lora)
        footprint->adapter = lora->params.size * sizeof(float);
    if (lora && use == TW_USE_ADAPTER)
        footprint->gradients = footprint->adapter;
    if (use == TW_USE_TRAINABLE)
        return 0;
    tw_shards *shards = tw_shards_open(lora ? lora->base : model->path);
    if (!shards)
        return -1;
    for (size_t i = 0; i < tw_shards_count(shards); i++) {
        const tw_array *array = tw_shards_at(shards, i).array;
        const bool mapped = stays_mapped(model, array);
        if (mapped)
            footprint->mapped += array->count * tw_dtype_size(array->dtype);
        else
            footprint->values += array->count * sizeof(float);
    }
    tw_shards_close(shards);
    return 0;
}

/* What a row takes in a stack of layers, in floats. */
typedef struct stack {
    size_t layers;
    size_t linear; /* outputs of the linear layers, of all layers together */
    size_t others; /* the same of the other ops */
    size_t sums;   /* residual sums among these, which hand their gradients on */
    size_t notes;  /* what ops keep beside their outputs for the gradient */
} stack;

/* Tables and heads: matrices that are not multiplied with every row. */
static bool is_apart(const char *name)
{
    static const char *const parts[] = {"embed", "wte", "wpe", "shared", "relative", "lm_head"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strstr(name, parts[i]))
            return true;
    return false;
}

/* Keys and values that a decoder makes of what the encoder read. */
static bool is_of_source(const char *name)
{
    return strstr(name, "EncDecAttention.k.") || strstr(name, "EncDecAttention.v.");
}

/* Numbers that the linear layers give for a row of the decoder, of the encoder, and for a row of
 * the encoder in the decoder. */
static void add_linear(const tw_model *model, stack *decoder, stack *encoder, size_t *cross)
{
    const tw_lora_layers *layers = tw_lora_layers_of(model);
    const bool in_out = layers && layers->layout == TW_IN_OUT,
               apart = tw_has_encoder(&model->config);
    *cross = 0;
    for (size_t i = 0; i < model->own_params; i++) {
        const tw_tensor *tensor = model->params.tensors[i];
        if (tensor->rank != 2 || is_apart(tensor->name))
            continue;
        const size_t outputs = in_out ? tensor->width : tensor->rows;
        if (apart && strncmp(tensor->name, "encoder.", 8) == 0)
            encoder->linear += outputs;
        else if (apart && is_of_source(tensor->name))
            *cross += outputs;
        else
            decoder->linear += outputs;
    }
}

/* The other ops: norms and residual sums, attention, the activation, rotations and norms of
 * heads. */
static void add_others(const tw_config *config, bool attends_twice, stack *stack)
{
    const size_t w = config->hidden_size, q = config->heads * config->head_size;
    const size_t heads = q + config->kv_heads * config->head_size;
    const size_t parts = attends_twice ? 3 : 2; /* of a layer, each with its norm and sum */
    size_t outputs = 2 * parts * w + (parts - 1) * q + config->intermediate_size;
    outputs += config->rope.theta > 0 ? heads : 0;
    outputs += config->head_norms ? heads : 0;
    outputs += config->gated ? config->intermediate_size : 0;
    stack->others = stack->layers * outputs;
    stack->sums = stack->layers * parts * w;
    const size_t norms = config->head_norms ? config->heads + config->kv_heads : 0;
    stack->notes = stack->layers * (2 * parts + 2 + (parts - 1) * config->heads + norms);
}

typedef struct shape {
    stack text, source;
    size_t cross;    /* floats, of all layers, for a row that the encoder read */
    size_t fixed;    /* floats beside the layers, for a row: rotations, ids, a batch's arrays */
    size_t narrow;   /* of adapters, in training */
    size_t adapting; /* of an adapter, otherwise: while its layer is computed */
} shape;

/* Ids, positions and targets of a row, with the room that arrays grow by. */
enum { ROW_ARRAYS = 24 };

static shape shape_of(const tw_model *model)
{
    const tw_config *config = &model->config;
    const struct tw_lora *lora = model->lora;
    shape shape = {.text.layers = config->layers, .source.layers = config->encoder_layers};
    add_others(config, tw_has_encoder(config), &shape.text);
    add_others(config, false, &shape.source);
    add_linear(model, &shape.text, &shape.source, &shape.cross);
    shape.fixed = ROW_ARRAYS + (config->rope.theta > 0 ? config->head_size : 0);
    for (size_t i = 0; lora && i < lora->count; i++) {
        const size_t out = lora->adapters[i].b->rows;
        shape.narrow += lora->rank;
        if (lora->rank + out > shape.adapting)
            shape.adapting = lora->rank + out;
    }
    return shape;
}

/* Outputs and notes of all layers for a row. */
static size_t all_layers(const stack *stack, const shape *shape)
{
    return stack->linear + stack->others + stack->notes + shape->narrow;
}

/* What a row of a stack keeps for the backward pass: outputs of all layers, or, if they are
 * recomputed, their last ones alone; before them the embedding, behind them the final norm. */
static size_t recorded(const tw_config *config, const stack *stack, const shape *shape,
                       bool recompute)
{
    /* RoBERTa's embeddings are three, added and normalised. */
    const size_t ends = (config->token_types > 0 ? 7 : 2) * config->hidden_size;
    if (stack->layers == 0)
        return 0;
    return ends + shape->fixed +
           (recompute ? stack->layers * config->hidden_size : all_layers(stack, shape));
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Gradients that a row keeps until the end: of all layers' inputs, and of the final norm. */
static size_t kept_gradients(const tw_config *config, const stack *stack)
{
    return stack->layers == 0 ? 0 : (stack->layers + 1) * config->hidden_size;
}

/* What a row takes while the backward pass is in one layer: its gradients, and all of it anew if it
 * is recomputed; or in RoBERTa's embeddings. */
static size_t in_a_layer(const tw_config *config, const stack *stack, const shape *shape,
                         bool recompute)
{
    if (stack->layers == 0)
        return 0;
    const size_t gradients = stack->linear + stack->others - stack->sums;
    return larger((gradients + (recompute ? all_layers(stack, shape) : 0)) / stack->layers,
                  config->token_types > 0 ? 4 * config->hidden_size : 0);
}

/* Floats of a pass with its backward pass; target: floats of a gathered row. */
static size_t with_gradients(const tw_config *config, const shape *shape, const tw_rows *rows,
                             size_t target, const tw_pass_kind *kind)
{
    const bool recompute = kind->recompute;
    const size_t keys = config->layers ? shape->cross / config->layers : 0;
    const size_t kept = rows->text * recorded(config, &shape->text, shape, recompute) +
                        rows->source * (recorded(config, &shape->source, shape, recompute) +
                                        (recompute ? 0 : shape->cross)) +
                        rows->targets * (target + 1);
    const size_t decoder = rows->text * in_a_layer(config, &shape->text, shape, recompute) +
                           rows->source * keys * (recompute ? 2 : 1);
    const size_t encoder = rows->source * in_a_layer(config, &shape->source, shape, recompute);
    const size_t returned = rows->text * kept_gradients(config, &shape->text) +
                            rows->source * kept_gradients(config, &shape->source) +
                            rows->targets * target + larger(decoder, encoder);
    return kept + larger(returned, kind->at_end / sizeof(float));
}

/* What is held of a row with nothing recorded: a layer's input and what is made of it. */
static size_t held(const tw_config *config, const stack *stack, const shape *shape)
{
    const size_t outputs = stack->linear + stack->others + stack->notes;
    return stack->layers == 0
               ? 0
               : config->hidden_size + outputs / stack->layers + shape->fixed + shape->adapting;
}

/* Ops themselves, and what is rounded up. */
static size_t overhead(const tw_config *config, bool recording)
{
    return (recording ? config->layers + config->encoder_layers : 1) * (16 << 10);
}

size_t tw_model_activation_bytes(const tw_model *model, const tw_rows *rows, tw_pass_kind kind)
{
    const tw_config *config = &model->config;
    const shape shape = shape_of(model);
    const size_t w = config->hidden_size, scaled = config->logit_scale != 0 ? w : 0;
    const size_t masked = config->token_types > 0 ? 3 * w : 0;
    const size_t target = w + scaled + masked + kind.per_target / sizeof(float);
    const size_t at_end = kind.at_end / sizeof(float);
    size_t values = 0;
    if (kind.recording) {
        values = with_gradients(config, &shape, rows, target, &kind);
    } else {
        const size_t text = held(config, &shape.text, &shape);
        const size_t keys = config->layers ? shape.cross / config->layers : 0;
        const size_t encoding = rows->source * held(config, &shape.source, &shape);
        const size_t layer = rows->source * (w + keys) + rows->text * text;
        const size_t end = rows->source * w + rows->text * (2 * w + shape.fixed);
        values = larger(larger(encoding, layer), end + rows->targets * target + at_end);
    }
    return values * sizeof(float) + overhead(config, kind.recording);
}

size_t tw_model_logit_bytes(const tw_model *model)
{
    return LOGIT_ROWS * model->config.vocab_size * sizeof(float);
}

size_t tw_model_cache_bytes(const tw_model *model)
{
    const tw_config *config = &model->config;
    return 2 * config->layers * config->kv_heads * config->head_size * sizeof(float);
}

size_t tw_model_scratch_bytes(size_t longest, bool recording)
{
    const size_t scores = (recording ? 2 : 1) * (size_t)TW_QUERY_BLOCK * longest;
    return scores * sizeof(float) + tw_gemm_scratch();
}
