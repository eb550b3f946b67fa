#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "model/config.h"
#include "model/initial.h"
#include "model/roberta.h"

/* Fields that change what the forward pass computes, with the only value it knows. */
static const tw_fixed_field fixed_fields[] = {
    {"add_cross_attention", false}, {"is_encoder_decoder", false}, {"tie_word_embeddings", true}};

static int read_activation(const json_t *json, tw_activation_kind *kind)
{
    static const struct {
        const char *name;
        tw_activation_kind kind;
    } known[] = {{"gelu", TW_GELU_ERF},
                 {"gelu_new", TW_GELU_TANH},
                 {"gelu_pytorch_tanh", TW_GELU_TANH},
                 {"relu", TW_RELU}};
    const char *name = "gelu";
    if (tw_config_text(json, "hidden_act", &name) < 0)
        return -1;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i].name) == 0) {
            *kind = known[i].kind;
            return 0;
        }
    return tw_fail("hidden_act: %s is not supported (gelu, gelu_new, gelu_pytorch_tanh and relu "
                   "are)",
                   name);
}

static int refuse_others(const json_t *json)
{
    const char *positions = "absolute";
    if (tw_config_refuse(json, fixed_fields, sizeof fixed_fields / sizeof *fixed_fields) < 0 ||
        tw_config_text(json, "position_embedding_type", &positions) < 0)
        return -1;
    if (strcmp(positions, "absolute") != 0)
        return tw_fail("position_embedding_type: %s is not supported (absolute is)", positions);
    return 0;
}

/* Padding has a position of its own; those of text begin behind it. */
static int read_positions(const json_t *json, tw_config *config)
{
    const json_t *field = json_object_get(json, "pad_token_id");
    size_t rows = 512;
    if (tw_config_size(json, "max_position_embeddings", TW_MAX_POSITIONS, &rows) < 0)
        return -1;
    config->pad = field ? tw_config_token(json, "pad_token_id", config->vocab_size) : 1;
    if (config->pad < 0)
        return tw_fail("pad_token_id: expected an id of the vocabulary, where positions begin");
    if ((size_t)config->pad + 1 >= rows)
        return tw_fail("max_position_embeddings: %zu leave no position behind pad_token_id, %d",
                       rows, config->pad);
    config->max_positions = rows - (size_t)config->pad - 1;
    return 0;
}

/* Fields that are missing have the defaults of transformers' RobertaConfig. */
static int configure(const json_t *json, tw_config *config)
{
    double epsilon = 1e-12;
    *config = (tw_config){.vocab_size = 50265,
                          .hidden_size = 768,
                          .layers = 12,
                          .heads = 12,
                          .intermediate_size = 3072,
                          .initializer_range = 0.02,
                          .token_types = 2,
                          .tied = true};
    if (tw_config_size(json, "vocab_size", TW_MAX_VOCABULARY, &config->vocab_size) < 0 ||
        tw_config_size(json, "hidden_size", TW_MAX_WIDTH, &config->hidden_size) < 0 ||
        tw_config_size(json, "intermediate_size", 4 * TW_MAX_WIDTH, &config->intermediate_size) <
            0 ||
        tw_config_size(json, "num_hidden_layers", TW_MAX_LAYERS, &config->layers) < 0 ||
        tw_config_size(json, "num_attention_heads", TW_MAX_WIDTH, &config->heads) < 0 ||
        tw_config_size(json, "type_vocab_size", TW_MAX_WIDTH, &config->token_types) < 0 ||
        tw_config_real(json, "layer_norm_eps", false, &epsilon) < 0 ||
        tw_config_real(json, "initializer_range", true, &config->initializer_range) < 0 ||
        read_positions(json, config) < 0 || read_activation(json, &config->activation) < 0 ||
        refuse_others(json) < 0)
        return -1;
    if (config->hidden_size % config->heads != 0)
        return tw_fail("num_attention_heads: %zu heads do not divide hidden_size, %zu",
                       config->heads, config->hidden_size);
    config->kv_heads = config->heads;
    config->head_size = config->hidden_size / config->heads;
    config->norm_epsilon = (float)epsilon;
    config->bos = tw_config_token(json, "bos_token_id", config->vocab_size);
    config->eos = tw_config_token(json, "eos_token_id", config->vocab_size);
    return 0;
}

static tw_tensor *add_table(tw_model *model, const char *kind, size_t rows)
{
    char *name = tw_format("roberta.embeddings.%s_embeddings.weight", kind);
    tw_tensor *table = tw_params_add(&model->params, name, 2, rows, model->config.hidden_size);
    free(name);
    return table;
}

/* A pair of `part`.weight and `part`.bias. */
static roberta_norm add_norm(tw_model *model, const char *part)
{
    char *gain = tw_format("%s.weight", part), *bias = tw_format("%s.bias", part);
    size_t width = model->config.hidden_size;
    const roberta_norm norm = {tw_params_add(&model->params, gain, 1, 1, width),
                               tw_params_add(&model->params, bias, 1, 1, width)};
    free(bias);
    free(gain);
    return norm;
}

static roberta_linear add_linear(tw_model *model, const char *part, size_t in, size_t out)
{
    char *weight = tw_format("%s.weight", part), *bias = tw_format("%s.bias", part);
    const roberta_linear linear = {tw_params_add(&model->params, weight, 2, out, in),
                                   tw_params_add(&model->params, bias, 1, 1, out)};
    free(bias);
    free(weight);
    return linear;
}

static roberta_norm add_layer_norm(tw_model *model, size_t layer, const char *name)
{
    char *part = tw_format("roberta.encoder.layer.%zu.%s", layer, name);
    const roberta_norm norm = add_norm(model, part);
    free(part);
    return norm;
}

static roberta_linear add_layer_linear(tw_model *model, size_t layer, const char *name, size_t in,
                                       size_t out)
{
    char *part = tw_format("roberta.encoder.layer.%zu.%s", layer, name);
    const roberta_linear linear = add_linear(model, part, in, out);
    free(part);
    return linear;
}

static void declare_layer(tw_model *model, size_t i, roberta_layer *l)
{
    size_t w = model->config.hidden_size, n = model->config.intermediate_size;
    l->q = add_layer_linear(model, i, "attention.self.query", w, w);
    l->k = add_layer_linear(model, i, "attention.self.key", w, w);
    l->v = add_layer_linear(model, i, "attention.self.value", w, w);
    l->o = add_layer_linear(model, i, "attention.output.dense", w, w);
    l->attention_norm = add_layer_norm(model, i, "attention.output.LayerNorm");
    l->up = add_layer_linear(model, i, "intermediate.dense", w, n);
    l->down = add_layer_linear(model, i, "output.dense", n, w);
    l->mlp_norm = add_layer_norm(model, i, "output.LayerNorm");
}

static void declare(tw_model *model)
{
    const tw_config *config = &model->config;
    roberta *state = tw_alloc(1, sizeof *state + config->layers * sizeof *state->layers);
    state->words = add_table(model, "word", config->vocab_size);
    state->positions =
        add_table(model, "position", (size_t)config->pad + 1 + config->max_positions);
    state->types = add_table(model, "token_type", config->token_types);
    state->norm = add_norm(model, "roberta.embeddings.LayerNorm");
    for (size_t i = 0; i < config->layers; i++)
        declare_layer(model, i, &state->layers[i]);
    state->head = add_linear(model, "lm_head.dense", config->hidden_size, config->hidden_size);
    state->head_norm = add_norm(model, "lm_head.layer_norm");
    model->output_embedding = state->words;
    model->output_bias = tw_params_add(&model->params, "lm_head.bias", 1, 1, config->vocab_size);
    model->state = state;
}

/* Normal, but ones in norms, zeros in biases and for padding. */
static void initialise(tw_model *model, uint64_t seed)
{
    const roberta *roberta = model->state;
    size_t w = model->config.hidden_size, pad = (size_t)model->config.pad;
    for (size_t p = 0; p < model->params.count; p++) {
        tw_tensor *tensor = model->params.tensors[p];
        if (tensor->rank == 1)
            tw_initial_constant(tensor, strstr(tensor->name, "bias") ? 0.0F : 1.0F);
        else
            tw_initial_normal(tensor, p, seed, model->config.initializer_range);
    }
    memset(roberta->words->x + pad * w, 0, w * sizeof *roberta->words->x);
    memset(roberta->positions->x + pad * w, 0, w * sizeof *roberta->positions->x);
}

/* Constants that old versions of transformers saved, and the pooler, which is for what an LM does
 * not do. */
static bool is_buffer(const char *name)
{
    return strstr(name, "embeddings.position_ids") || strstr(name, "embeddings.token_type_ids") ||
           strstr(name, "pooler.dense.");
}

#define LANGUAGE_MODEL(class)                                                                      \
    .model_type = "roberta", .class_name = (class), .prefix = "roberta.",                          \
    .tied = "lm_head.decoder.weight", .tied_bias = "lm_head.decoder.bias", .is_buffer = is_buffer, \
    .configure = configure, .declare = declare, .initialise = initialise,                          \
    .forward = tw_roberta_forward, .head = tw_roberta_head

static const tw_architecture causal = {LANGUAGE_MODEL("RobertaForCausalLM")};

const tw_architecture tw_roberta = {LANGUAGE_MODEL("RobertaForMaskedLM"),
                                    .masked = tw_roberta_states, .decoder = &causal};
