#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "model/config.h"
#include "model/gpt2.h"
#include "model/initial.h"

/* Fields that change what the forward pass computes, with the only value it knows. */
static const tw_fixed_field fixed_fields[] = {
    {"scale_attn_weights", true},       {"scale_attn_by_inverse_layer_idx", false},
    {"reorder_and_upcast_attn", false}, {"add_cross_attention", false},
    {"is_encoder_decoder", false},      {"tie_word_embeddings", true},
};

static int read_activation(const json_t *json, tw_activation_kind *kind)
{
    const char *name = "gelu_new";
    if (tw_config_text(json, "activation_function", &name) < 0)
        return -1;
    if (strcmp(name, "gelu_new") == 0 || strcmp(name, "gelu_pytorch_tanh") == 0)
        *kind = TW_GELU_TANH;
    else if (strcmp(name, "relu") == 0)
        *kind = TW_RELU;
    else
        return tw_fail("activation_function: %s is not supported (gelu_new, gelu_pytorch_tanh "
                       "and relu are)",
                       name);
    return 0;
}

/* Fields that are missing have the defaults of transformers' GPT2Config. */
static int configure(const json_t *json, tw_config *config)
{
    double epsilon = 1e-5;
    *config = (tw_config){.vocab_size = 50257,
                          .hidden_size = 768,
                          .layers = 12,
                          .heads = 12,
                          .max_positions = 1024,
                          .activation = TW_GELU_TANH,
                          .pad = -1,
                          .initializer_range = 0.02};
    if (tw_config_size(json, "vocab_size", TW_MAX_VOCABULARY, &config->vocab_size) < 0 ||
        tw_config_size(json, "n_positions", TW_MAX_POSITIONS, &config->max_positions) < 0 ||
        tw_config_size(json, "n_embd", TW_MAX_WIDTH, &config->hidden_size) < 0 ||
        tw_config_size(json, "n_layer", TW_MAX_LAYERS, &config->layers) < 0 ||
        tw_config_size(json, "n_head", TW_MAX_WIDTH, &config->heads) < 0)
        return -1;
    config->intermediate_size = 4 * config->hidden_size;
    if (tw_config_size(json, "n_inner", 4 * TW_MAX_WIDTH, &config->intermediate_size) < 0 ||
        tw_config_real(json, "layer_norm_epsilon", false, &epsilon) < 0 ||
        tw_config_real(json, "initializer_range", true, &config->initializer_range) < 0 ||
        read_activation(json, &config->activation) < 0 ||
        tw_config_refuse(json, fixed_fields, sizeof fixed_fields / sizeof *fixed_fields) < 0)
        return -1;
    if (config->hidden_size % config->heads != 0)
        return tw_fail("n_head: %zu heads do not divide n_embd, %zu", config->heads,
                       config->hidden_size);
    config->kv_heads = config->heads;
    config->head_size = config->hidden_size / config->heads;
    config->norm_epsilon = (float)epsilon;
    config->bos = tw_config_token(json, "bos_token_id", config->vocab_size);
    config->eos = tw_config_token(json, "eos_token_id", config->vocab_size);
    return 0;
}

static tw_tensor *add_matrix(tw_model *model, const char *name, size_t rows, size_t width)
{
    char *full = tw_format("transformer.%s.weight", name);
    tw_tensor *tensor = tw_params_add(&model->params, full, 2, rows, width);
    free(full);
    return tensor;
}

static tw_tensor *add_vector(tw_model *model, const char *name, const char *kind, size_t width)
{
    char *full = tw_format("transformer.%s.%s", name, kind);
    tw_tensor *tensor = tw_params_add(&model->params, full, 1, 1, width);
    free(full);
    return tensor;
}

/* A weight [rows, width] and its bias [1, width], of part `name` of a layer. */
static void add_linear(tw_model *model, size_t layer, const char *name, size_t rows, size_t width,
                       tw_tensor **weight, tw_tensor **bias)
{
    char *part = tw_format("h.%zu.%s", layer, name);
    *weight = add_matrix(model, part, rows, width);
    *bias = add_vector(model, part, "bias", width);
    free(part);
}

static void add_norm(tw_model *model, const char *name, tw_tensor **gain, tw_tensor **bias)
{
    *gain = add_vector(model, name, "weight", model->config.hidden_size);
    *bias = add_vector(model, name, "bias", model->config.hidden_size);
}

static void add_layer_norm(tw_model *model, size_t layer, const char *name, tw_tensor **gain,
                           tw_tensor **bias)
{
    char *part = tw_format("h.%zu.%s", layer, name);
    add_norm(model, part, gain, bias);
    free(part);
}

static void declare(tw_model *model)
{
    const tw_config *config = &model->config;
    size_t w = config->hidden_size, n = config->intermediate_size;
    gpt2 *state = tw_alloc(1, sizeof *state + config->layers * sizeof *state->layers);
    state->wte = add_matrix(model, "wte", config->vocab_size, w);
    state->wpe = add_matrix(model, "wpe", config->max_positions, w);
    for (size_t i = 0; i < config->layers; i++) {
        gpt2_layer *l = &state->layers[i];
        add_layer_norm(model, i, "ln_1", &l->ln_1_gain, &l->ln_1_bias);
        add_linear(model, i, "attn.c_attn", w, 3 * w, &l->attn_weight, &l->attn_bias);
        add_linear(model, i, "attn.c_proj", w, w, &l->attn_proj_weight, &l->attn_proj_bias);
        add_layer_norm(model, i, "ln_2", &l->ln_2_gain, &l->ln_2_bias);
        add_linear(model, i, "mlp.c_fc", w, n, &l->fc_weight, &l->fc_bias);
        add_linear(model, i, "mlp.c_proj", n, w, &l->proj_weight, &l->proj_bias);
    }
    add_norm(model, "ln_f", &state->ln_f_gain, &state->ln_f_bias);
    model->output_embedding = state->wte;
    model->state = state;
}

/* Normal, but ones and zeros in norms and zeros in biases; the matrices that add to
 * the residual stream are scaled down by the square root of how often that happens. */
static void initialise(tw_model *model, uint64_t seed)
{
    double range = model->config.initializer_range;
    double residual = range / sqrt(2.0 * (double)model->config.layers);
    for (size_t p = 0; p < model->params.count; p++) {
        tw_tensor *tensor = model->params.tensors[p];
        if (tensor->rank == 1) {
            tw_initial_constant(tensor, strstr(tensor->name, ".bias") ? 0.0F : 1.0F);
            continue;
        }
        double scale = strstr(tensor->name, ".c_proj.") ? residual : range;
        tw_initial_normal(tensor, p, seed, scale);
    }
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), size = strlen(end);
    return length >= size && strcmp(text + length - size, end) == 0;
}

/* Causal masks, that old versions of transformers saved. */
static bool is_buffer(const char *name)
{
    return ends_with(name, ".attn.bias") || ends_with(name, ".attn.masked_bias");
}

const tw_architecture tw_gpt2 = {
    .model_type = "gpt2",
    .class_name = "GPT2LMHeadModel",
    .prefix = "transformer.",
    .packed = true,
    .tied = "lm_head.weight",
    .is_buffer = is_buffer,
    .configure = configure,
    .declare = declare,
    .initialise = initialise,
    .forward = tw_gpt2_forward,
};
