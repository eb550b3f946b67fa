#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "model/config.h"
#include "model/initial.h"
#include "model/llama.h"

/* What the relatives differ in: fields that may be missing have the defaults of
 * transformers' LlamaConfig, MistralConfig, Qwen2Config and Qwen3Config. */
typedef struct family {
    tw_config defaults; /* kv_heads 0: as heads; head_size 0: hidden_size / heads */
    bool has_attention_bias, has_mlp_bias; /* the fields attention_bias, mlp_bias are read */
    enum { NO_WINDOW, WINDOW, WINDOW_IF_USED } window; /* how sliding_window is read */
} family;

/* Fields that change what the forward pass computes, with the only value it knows. */
static const tw_fixed_field fixed_fields[] = {{"add_cross_attention", false},
                                              {"is_encoder_decoder", false}};

static int check_activation(const json_t *json)
{
    const char *name = "silu";
    if (tw_config_text(json, "hidden_act", &name) < 0)
        return -1;
    if (strcmp(name, "silu") != 0 && strcmp(name, "swish") != 0)
        return tw_fail("hidden_act: %s is not supported (silu is)", name);
    return 0;
}

/* A window that no text can exceed is none. */
static int check_window(const json_t *json, const family *family, const tw_config *config)
{
    if (family->window == NO_WINDOW)
        return 0;
    if (family->window == WINDOW_IF_USED)
        return tw_config_fixed(json, "use_sliding_window", false);
    size_t window = 4096;
    const json_t *field = json_object_get(json, "sliding_window");
    if (json_is_null(field))
        return 0;
    if (tw_config_size(json, "sliding_window", TW_MAX_POSITIONS, &window) < 0)
        return -1;
    if (window < config->max_positions)
        return tw_fail("sliding_window: %zu is not supported: attention is over the whole text "
                       "(null is supported, as is max_position_embeddings of at most %zu)",
                       window, window);
    return 0;
}

static int check_layer_types(const json_t *json)
{
    const json_t *list = json_object_get(json, "layer_types"), *item;
    size_t i;
    if (list && !json_is_null(list) && !json_is_array(list))
        return tw_fail("layer_types: expected a list");
    json_array_foreach(list, i, item)
    {
        const char *type = json_string_value(item);
        if (!type || strcmp(type, "full_attention") != 0)
            return tw_fail("layer_types: %s is not supported (full_attention is)",
                           type ? type : "what is not text");
    }
    return 0;
}

static int refuse_others(const json_t *json, const family *family, const tw_config *config)
{
    if (tw_config_refuse(json, fixed_fields, sizeof fixed_fields / sizeof *fixed_fields) < 0 ||
        check_activation(json) < 0 || check_layer_types(json) < 0)
        return -1;
    return check_window(json, family, config);
}

static int read_heads(const json_t *json, tw_config *config)
{
    const json_t *kv_heads = json_object_get(json, "num_key_value_heads");
    const json_t *head_size = json_object_get(json, "head_dim");
    if (tw_config_size(json, "num_attention_heads", TW_MAX_WIDTH, &config->heads) < 0)
        return -1;
    if (config->kv_heads == 0 || json_is_null(kv_heads))
        config->kv_heads = config->heads;
    if (tw_config_size(json, "num_key_value_heads", TW_MAX_WIDTH, &config->kv_heads) < 0)
        return -1;
    if (config->heads % config->kv_heads != 0)
        return tw_fail("num_key_value_heads: %zu do not divide num_attention_heads, %zu",
                       config->kv_heads, config->heads);
    bool computed =
        config->head_size == 0 ? !head_size || json_is_null(head_size) : json_is_null(head_size);
    if (computed && config->hidden_size % config->heads != 0)
        return tw_fail("num_attention_heads: %zu heads do not divide hidden_size, %zu",
                       config->heads, config->hidden_size);
    if (computed)
        config->head_size = config->hidden_size / config->heads;
    if (tw_config_size(json, "head_dim", TW_MAX_WIDTH / config->heads, &config->head_size) < 0)
        return -1;
    if (config->head_size % 2 != 0)
        return tw_fail("head_dim: rotary positions want an even number, not %zu",
                       config->head_size);
    if (config->heads * config->head_size > TW_MAX_WIDTH)
        return tw_fail("num_attention_heads: too many for heads of %zu", config->head_size);
    return 0;
}

static int read_sizes(const json_t *json, tw_config *config)
{
    if (tw_config_size(json, "vocab_size", TW_MAX_VOCABULARY, &config->vocab_size) < 0 ||
        tw_config_size(json, "max_position_embeddings", TW_MAX_POSITIONS, &config->max_positions) <
            0 ||
        tw_config_size(json, "hidden_size", TW_MAX_WIDTH, &config->hidden_size) < 0 ||
        tw_config_size(json, "intermediate_size", 4 * TW_MAX_WIDTH, &config->intermediate_size) <
            0 ||
        tw_config_size(json, "num_hidden_layers", TW_MAX_LAYERS, &config->layers) < 0)
        return -1;
    return read_heads(json, config);
}

static int configure(const json_t *json, tw_config *config, const family *family)
{
    double epsilon = 1e-6;
    *config = family->defaults;
    config->rope.theta = 10000;
    config->pad = -1;
    config->initializer_range = 0.02;
    if (read_sizes(json, config) < 0 || tw_config_real(json, "rms_norm_eps", false, &epsilon) < 0 ||
        tw_config_real(json, "initializer_range", true, &config->initializer_range) < 0 ||
        tw_config_flag(json, "tie_word_embeddings", &config->tied) < 0 ||
        tw_rope_configure(json, &config->rope) < 0 || refuse_others(json, family, config) < 0)
        return -1;
    if (family->has_attention_bias) {
        if (tw_config_flag(json, "attention_bias", &config->qkv_bias) < 0)
            return -1;
        config->output_bias = config->qkv_bias;
    }
    if (family->has_mlp_bias && tw_config_flag(json, "mlp_bias", &config->mlp_bias) < 0)
        return -1;
    config->norm_epsilon = (float)epsilon;
    config->bos = tw_config_token(json, "bos_token_id", config->vocab_size);
    config->eos = tw_config_token(json, "eos_token_id", config->vocab_size);
    return 0;
}

static const family llama_family = {.defaults = {.vocab_size = 32000,
                                                 .hidden_size = 4096,
                                                 .layers = 32,
                                                 .heads = 32,
                                                 .intermediate_size = 11008,
                                                 .max_positions = 2048},
                                    .has_attention_bias = true,
                                    .has_mlp_bias = true};

static const family mistral_family = {.defaults = {.vocab_size = 32000,
                                                   .hidden_size = 4096,
                                                   .layers = 32,
                                                   .heads = 32,
                                                   .kv_heads = 8,
                                                   .intermediate_size = 14336,
                                                   .max_positions = 131072},
                                      .window = WINDOW};

static const family qwen2_family = {.defaults = {.vocab_size = 151936,
                                                 .hidden_size = 4096,
                                                 .layers = 32,
                                                 .heads = 32,
                                                 .kv_heads = 32,
                                                 .intermediate_size = 22016,
                                                 .max_positions = 32768,
                                                 .qkv_bias = true},
                                    .window = WINDOW_IF_USED};

static const family qwen3_family = {.defaults = {.vocab_size = 151936,
                                                 .hidden_size = 4096,
                                                 .layers = 32,
                                                 .heads = 32,
                                                 .kv_heads = 32,
                                                 .head_size = 128,
                                                 .intermediate_size = 22016,
                                                 .max_positions = 32768,
                                                 .head_norms = true},
                                    .has_attention_bias = true,
                                    .window = WINDOW_IF_USED};

static int configure_llama(const json_t *json, tw_config *config)
{
    return configure(json, config, &llama_family);
}

static int configure_mistral(const json_t *json, tw_config *config)
{
    return configure(json, config, &mistral_family);
}

static int configure_qwen2(const json_t *json, tw_config *config)
{
    return configure(json, config, &qwen2_family);
}

static int configure_qwen3(const json_t *json, tw_config *config)
{
    return configure(json, config, &qwen3_family);
}

/* Parameters of part `name` of a layer. */
static tw_tensor *add_norm(tw_model *model, size_t layer, const char *name, size_t width)
{
    char *full = tw_format("model.layers.%zu.%s.weight", layer, name);
    tw_tensor *gain = tw_params_add(&model->params, full, 1, 1, width);
    free(full);
    return gain;
}

static llama_linear add_linear(tw_model *model, size_t layer, const char *name, size_t in,
                               size_t out, bool has_bias)
{
    llama_linear linear = {0};
    char *weight = tw_format("model.layers.%zu.%s.weight", layer, name);
    char *bias = tw_format("model.layers.%zu.%s.bias", layer, name);
    linear.weight = tw_params_add(&model->params, weight, 2, out, in);
    if (has_bias)
        linear.bias = tw_params_add(&model->params, bias, 1, 1, out);
    free(bias);
    free(weight);
    return linear;
}

static void declare_layer(tw_model *model, size_t i, llama_layer *l)
{
    const tw_config *c = &model->config;
    size_t w = c->hidden_size, n = c->intermediate_size;
    size_t q_width = c->heads * c->head_size, kv_width = c->kv_heads * c->head_size;
    l->input_norm = add_norm(model, i, "input_layernorm", w);
    l->q = add_linear(model, i, "self_attn.q_proj", w, q_width, c->qkv_bias);
    l->k = add_linear(model, i, "self_attn.k_proj", w, kv_width, c->qkv_bias);
    l->v = add_linear(model, i, "self_attn.v_proj", w, kv_width, c->qkv_bias);
    l->o = add_linear(model, i, "self_attn.o_proj", q_width, w, c->output_bias);
    if (c->head_norms) {
        l->q_norm = add_norm(model, i, "self_attn.q_norm", c->head_size);
        l->k_norm = add_norm(model, i, "self_attn.k_norm", c->head_size);
    }
    l->mlp_norm = add_norm(model, i, "post_attention_layernorm", w);
    l->gate = add_linear(model, i, "mlp.gate_proj", w, n, c->mlp_bias);
    l->up = add_linear(model, i, "mlp.up_proj", w, n, c->mlp_bias);
    l->down = add_linear(model, i, "mlp.down_proj", n, w, c->mlp_bias);
}

static void declare(tw_model *model)
{
    const tw_config *config = &model->config;
    size_t w = config->hidden_size, layers = config->layers * sizeof(llama_layer);
    size_t frequencies = config->head_size / 2 * sizeof(float);
    llama *state = tw_alloc(1, sizeof *state + layers + frequencies);
    state->frequencies = (float *)(void *)&state->layers[config->layers];
    tw_rope_frequencies(&config->rope, config->head_size, state->frequencies);
    state->embedding =
        tw_params_add(&model->params, "model.embed_tokens.weight", 2, config->vocab_size, w);
    for (size_t i = 0; i < config->layers; i++)
        declare_layer(model, i, &state->layers[i]);
    state->norm = tw_params_add(&model->params, "model.norm.weight", 1, 1, w);
    model->output_embedding =
        config->tied ? state->embedding
                     : tw_params_add(&model->params, "lm_head.weight", 2, config->vocab_size, w);
    model->state = state;
}

/* Normal, but ones in norms and zeros in biases. */
static void initialise(tw_model *model, uint64_t seed)
{
    for (size_t p = 0; p < model->params.count; p++) {
        tw_tensor *tensor = model->params.tensors[p];
        if (tensor->rank == 1)
            tw_initial_constant(tensor, strstr(tensor->name, ".bias") ? 0.0F : 1.0F);
        else
            tw_initial_normal(tensor, p, seed, model->config.initializer_range);
    }
}

/* Frequencies of rotary positions, that old versions of transformers saved. */
static bool is_buffer(const char *name)
{
    return strstr(name, ".rotary_emb.inv_freq") != NULL;
}

#define RELATIVE(type, class, configure_fn)                                                        \
    {                                                                                              \
        .model_type = (type), .class_name = (class), .prefix = "model.", .tied = "lm_head.weight", \
        .packed = true, .is_buffer = is_buffer, .configure = (configure_fn), .declare = declare,   \
        .initialise = initialise, .forward = tw_llama_forward                                      \
    }

const tw_architecture tw_llama = RELATIVE("llama", "LlamaForCausalLM", configure_llama);
const tw_architecture tw_mistral = RELATIVE("mistral", "MistralForCausalLM", configure_mistral);
const tw_architecture tw_qwen2 = RELATIVE("qwen2", "Qwen2ForCausalLM", configure_qwen2);
const tw_architecture tw_qwen3 = RELATIVE("qwen3", "Qwen3ForCausalLM", configure_qwen3);
