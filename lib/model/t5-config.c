#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "model/config.h"
#include "model/initial.h"
#include "model/t5.h"

static const tw_fixed_field fixed_fields[] = {{"is_encoder_decoder", true}};

/* "gated-gelu" has always meant the approximation, "gelu" the function itself. */
static const struct {
    const char *name;
    tw_activation_kind activation;
    bool gated;
} feeds[] = {
    {"relu", TW_RELU, false},          {"gelu", TW_GELU_ERF, false},
    {"gelu_new", TW_GELU_TANH, false}, {"gated-gelu", TW_GELU_TANH, true},
    {"gated-silu", TW_SILU, true},     {"gated-relu", TW_RELU, true},
};

static int read_feed(const json_t *json, tw_config *config)
{
    const char *name = "relu";
    if (tw_config_text(json, "feed_forward_proj", &name) < 0)
        return -1;
    for (size_t i = 0; i < sizeof feeds / sizeof *feeds; i++)
        if (strcmp(name, feeds[i].name) == 0) {
            config->activation = feeds[i].activation;
            config->gated = feeds[i].gated;
            return 0;
        }
    return tw_fail("feed_forward_proj: %s is not supported (relu, gelu, gelu_new, gated-gelu, "
                   "gated-silu and gated-relu are)",
                   name);
}

static int read_buckets(const json_t *json, tw_config *config)
{
    if (tw_config_size(json, "relative_attention_num_buckets", 1 << 12, &config->buckets) < 0 ||
        tw_config_size(json, "relative_attention_max_distance", TW_MAX_POSITIONS,
                       &config->max_distance) < 0)
        return -1;
    if (config->buckets % 4 != 0)
        return tw_fail("relative_attention_num_buckets: %zu is not supported (multiples of 4 are)",
                       config->buckets);
    /* Half of the buckets are for one distance each, in one direction as in both. */
    if (config->max_distance <= config->buckets / 2)
        return tw_fail("relative_attention_max_distance: expected more than half of the %zu "
                       "buckets",
                       config->buckets);
    return 0;
}

static int read_sizes(const json_t *json, tw_config *config)
{
    if (tw_config_size(json, "vocab_size", TW_MAX_VOCABULARY, &config->vocab_size) < 0 ||
        tw_config_size(json, "n_positions", TW_MAX_POSITIONS, &config->max_positions) < 0 ||
        tw_config_size(json, "d_model", TW_MAX_WIDTH, &config->hidden_size) < 0 ||
        tw_config_size(json, "d_ff", 4 * TW_MAX_WIDTH, &config->intermediate_size) < 0 ||
        tw_config_size(json, "num_heads", TW_MAX_WIDTH, &config->heads) < 0 ||
        tw_config_size(json, "d_kv", TW_MAX_WIDTH, &config->head_size) < 0 ||
        tw_config_size(json, "num_layers", TW_MAX_LAYERS, &config->encoder_layers) < 0)
        return -1;
    if (config->heads * config->head_size > TW_MAX_WIDTH)
        return tw_fail("num_heads: too many for heads of %zu", config->head_size);
    config->kv_heads = config->heads;
    config->layers = config->encoder_layers;
    return tw_config_size(json, "num_decoder_layers", TW_MAX_LAYERS, &config->layers);
}

/* Fields that are missing have the defaults of transformers' T5Config. */
static int configure(const json_t *json, tw_config *config)
{
    double epsilon = 1e-6;
    bool scaled;
    *config = (tw_config){.vocab_size = 32128,
                          .hidden_size = 512,
                          .head_size = 64,
                          .intermediate_size = 2048,
                          .encoder_layers = 6,
                          .heads = 8,
                          .buckets = 32,
                          .max_distance = 128,
                          .max_positions = 512,
                          .initializer_range = 1,
                          .tied = true};
    if (read_sizes(json, config) < 0 || read_buckets(json, config) < 0 ||
        tw_config_real(json, "layer_norm_epsilon", false, &epsilon) < 0 ||
        tw_config_real(json, "initializer_factor", true, &config->initializer_range) < 0 ||
        read_feed(json, config) < 0 ||
        tw_config_flag(json, "tie_word_embeddings", &config->tied) < 0 ||
        tw_config_refuse(json, fixed_fields, sizeof fixed_fields / sizeof *fixed_fields) < 0)
        return -1;
    scaled = config->tied;
    if (tw_config_flag(json, "scale_decoder_outputs", &scaled) < 0)
        return -1;
    config->norm_epsilon = (float)epsilon;
    config->logit_scale = scaled ? 1.0F / sqrtf((float)config->hidden_size) : 0;
    config->bos = tw_config_token(json, "bos_token_id", config->vocab_size);
    config->eos = tw_config_token(json, "eos_token_id", config->vocab_size);
    config->pad = tw_config_token(json, "pad_token_id", config->vocab_size);
    config->start = tw_config_token(json, "decoder_start_token_id", config->vocab_size);
    if (config->eos < 0 && !json_object_get(json, "eos_token_id"))
        config->eos = 1;
    if (config->pad < 0)
        config->pad = 0;
    if (config->start < 0)
        config->start = config->pad;
    return 0;
}

static const char *const embeddings[] = {"encoder.embed_tokens.weight",
                                         "decoder.embed_tokens.weight", NULL};
static const char embedding_name[] = "shared.weight", output_name[] = "lm_head.weight";

static bool same_values(const tw_array *a, const tw_array *b)
{
    return a->dtype == b->dtype && a->count == b->count &&
           memcmp(a->data, b->data, a->count * tw_dtype_size(a->dtype)) == 0;
}

/* As transformers 5 does it, whose own folders say "tie_word_embeddings": true of any model, an
 * output embedding is one of its own where there is one and it differs from the input's. */
static void correct(tw_config *config, const tw_shards *shards)
{
    tw_stored input, output;
    bool known = tw_shards_find(shards, embedding_name, &input);
    for (size_t i = 0; !known && embeddings[i]; i++)
        known = tw_shards_find(shards, embeddings[i], &input);
    config->tied = !known || !tw_shards_find(shards, output_name, &output) ||
                   same_values(input.array, output.array);
}

/* "STACK.block.LAYER.layer.PART.NAME.weight" */
static tw_tensor *add(tw_model *model, const char *block, size_t part, const char *name, int rank,
                      size_t rows, size_t width)
{
    char *full = tw_format("%s.layer.%zu.%s.weight", block, part, name);
    tw_tensor *tensor = tw_params_add(&model->params, full, rank, rows, width);
    free(full);
    return tensor;
}

static tw_tensor *add_matrix(tw_model *model, const char *block, size_t part, const char *kind,
                             const char *name, size_t out, size_t in)
{
    char *full = tw_format("%s.%s", kind, name);
    tw_tensor *tensor = add(model, block, part, full, 2, out, in);
    free(full);
    return tensor;
}

static t5_attention add_attention(tw_model *model, const char *block, size_t part, const char *kind,
                                  tw_tensor **relative)
{
    const tw_config *c = &model->config;
    size_t w = c->hidden_size, heads = c->heads * c->head_size;
    t5_attention at = {.q = add_matrix(model, block, part, kind, "q", heads, w),
                       .k = add_matrix(model, block, part, kind, "k", heads, w),
                       .v = add_matrix(model, block, part, kind, "v", heads, w),
                       .o = add_matrix(model, block, part, kind, "o", w, heads)};
    if (relative)
        *relative =
            add_matrix(model, block, part, kind, "relative_attention_bias", c->buckets, c->heads);
    at.norm = add(model, block, part, "layer_norm", 1, 1, w);
    return at;
}

static t5_feed add_feed(tw_model *model, const char *block, size_t part)
{
    static const char kind[] = "DenseReluDense";
    const tw_config *c = &model->config;
    size_t w = c->hidden_size, n = c->intermediate_size;
    t5_feed feed = {.in = add_matrix(model, block, part, kind, c->gated ? "wi_0" : "wi", n, w)};
    if (c->gated)
        feed.up = add_matrix(model, block, part, kind, "wi_1", n, w);
    feed.out = add_matrix(model, block, part, kind, "wo", w, n);
    feed.norm = add(model, block, part, "layer_norm", 1, 1, w);
    return feed;
}

static void declare_stack(tw_model *model, const char *name, bool is_decoder, t5_stack *stack)
{
    for (size_t i = 0; i < stack->count; i++) {
        char *block = tw_format("%s.block.%zu", name, i);
        t5_layer *layer = &stack->layers[i];
        layer->self = add_attention(model, block, 0, "SelfAttention", i ? NULL : &stack->relative);
        if (is_decoder)
            layer->cross = add_attention(model, block, 1, "EncDecAttention", NULL);
        layer->feed = add_feed(model, block, is_decoder ? 2 : 1);
        free(block);
    }
    char *norm = tw_format("%s.final_layer_norm.weight", name);
    stack->norm = tw_params_add(&model->params, norm, 1, 1, model->config.hidden_size);
    free(norm);
}

static void declare(tw_model *model)
{
    const tw_config *c = &model->config;
    size_t layers = c->encoder_layers + c->layers;
    t5 *state = tw_alloc(1, sizeof *state + layers * sizeof *state->layers);
    state->encoder = (t5_stack){.layers = state->layers, .count = c->encoder_layers};
    state->decoder = (t5_stack){.layers = state->layers + c->encoder_layers, .count = c->layers};
    state->embedding =
        tw_params_add(&model->params, embedding_name, 2, c->vocab_size, c->hidden_size);
    declare_stack(model, "encoder", false, &state->encoder);
    declare_stack(model, "decoder", true, &state->decoder);
    model->output_embedding =
        c->tied ? state->embedding
                : tw_params_add(&model->params, output_name, 2, c->vocab_size, c->hidden_size);
    model->state = state;
}

/* By a matrix's place: so that scores need no scaling, and sums keep their size. */
static double deviation(const tw_config *c, const tw_tensor *tensor)
{
    static const char *const plain[] = {embedding_name, output_name};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (strcmp(tensor->name, plain[i]) == 0)
            return 1;
    double in = (double)c->hidden_size;
    if (strstr(tensor->name, "Attention.q."))
        in *= (double)c->head_size;
    else if (!strstr(tensor->name, ".relative_attention_bias."))
        in = (double)tensor->width;
    return 1 / sqrt(in);
}

static void initialise(tw_model *model, uint64_t seed)
{
    double factor = model->config.initializer_range;
    for (size_t p = 0; p < model->params.count; p++) {
        tw_tensor *tensor = model->params.tensors[p];
        if (tensor->rank == 1)
            tw_initial_constant(tensor, (float)factor);
        else
            tw_initial_normal(tensor, p, seed, factor * deviation(&model->config, tensor));
    }
}

/* A table that old checkpoints carry and no layer reads. */
static bool is_buffer(const char *name)
{
    return strcmp(name, "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight") ==
           0;
}

const tw_architecture tw_t5 = {
    .model_type = "t5",
    .class_name = "T5ForConditionalGeneration",
    .prefix = "",
    .tied = output_name,
    .embeddings = embeddings,
    .packed = true,
    .is_buffer = is_buffer,
    .configure = configure,
    .correct = correct,
    .declare = declare,
    .initialise = initialise,
    .forward = tw_t5_forward,
};
