#include "model/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "model/config.h"
#include "model/lora.h"
#include "model/weights.h"
#include "tensor/kernels/kernels.h"
#include "tensor/weight.h"

static const tw_architecture *const architectures[] = {
    &tw_gpt2, &tw_llama, &tw_mistral, &tw_qwen2, &tw_qwen3, &tw_roberta, &tw_t5};

const tw_architecture *tw_architecture_find(const char *model_type)
{
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++)
        if (strcmp(architectures[i]->model_type, model_type) == 0)
            return architectures[i];
    return NULL;
}

static int configure(tw_model *model)
{
    const json_t *field = json_object_get(model->json, "model_type");
    const char *type = json_string_value(field);
    if (!type)
        return tw_fail("model_type: %s", field ? "expected text" : "missing");
    model->architecture = tw_architecture_find(type);
    if (!model->architecture)
        return tw_fail("model_type: %s is not supported (gpt2, llama, mistral, qwen2, qwen3, "
                       "roberta and t5 are)",
                       type);
    const tw_architecture *decoder = model->architecture->decoder;
    bool decodes = false;
    if (decoder && tw_config_flag(model->json, "is_decoder", &decodes) < 0)
        return -1;
    if (decodes)
        model->architecture = decoder;
    return model->architecture->configure(model->json, &model->config);
}

static int read_config(tw_model *model, const char *path)
{
    model->json = tw_json_read(path);
    if (!model->json)
        return -1;
    return configure(model) < 0 ? tw_fail_in("%s", path) : 0;
}

/* The tokenizer must fill the vocabulary, but for padding; its word on the special
 * tokens goes before config.json's. */
static int read_tokenizer(tw_model *model, const char *path)
{
    model->tokenizer = tw_tokenizer_open(path);
    if (!model->tokenizer)
        return -1;
    tw_config *config = &model->config;
    size_t size = (size_t)tw_tokenizer_size(model->tokenizer);
    if (!tw_config_vocabulary_fits(size, config->vocab_size))
        return tw_fail("%s: a tokenizer of another vocabulary size: %zu pieces, vocab_size in "
                       "config.json is %zu",
                       path, size, config->vocab_size);
    if (tw_tokenizer_bos(model->tokenizer) >= 0)
        config->bos = tw_tokenizer_bos(model->tokenizer);
    if (tw_tokenizer_eos(model->tokenizer) >= 0)
        config->eos = tw_tokenizer_eos(model->tokenizer);
    return tw_stops_add(&config->stops, config->eos);
}

/* A generation ends where generation_config.json says, else config.json, as in transformers,
 * and with the tokenizer's own end, which is what learning closes a text with. */
static int read_stops(tw_model *model, const char *folder)
{
    static const char key[] = "eos_token_id";
    tw_config *config = &model->config;
    char *path = tw_join_path(folder, "generation_config.json");
    json_t *json = NULL;
    int status = 0;
    if (access(path, F_OK) == 0 && !(json = tw_json_read(path)))
        status = -1;
    const json_t *field = json_object_get(json, key);
    bool own = field && !json_is_null(field);
    if (status == 0 &&
        tw_stops_read(&config->stops, own ? field : json_object_get(model->json, key),
                      config->vocab_size) < 0)
        status = tw_fail_in("%s/%s", folder, own ? "generation_config.json" : "config.json");
    else if (config->stops.count >= (size_t)tw_tokenizer_size(model->tokenizer))
        status = tw_fail("%s: eos_token_id: no token is left that ends nothing", folder);
    if (config->eos < 0 && config->stops.count > 0)
        config->eos = config->stops.ids[0];
    json_decref(json);
    free(path);
    return status;
}

/* The folder of the weights proper: the base's, if this one is an adapter's. */
static const char *base_of(const tw_model *model)
{
    return model->lora ? model->lora->base : model->path;
}

static int correct_config(tw_model *model)
{
    if (!model->architecture->correct)
        return 0;
    tw_shards *shards = tw_shards_open(base_of(model));
    if (!shards)
        return -1;
    model->architecture->correct(&model->config, shards);
    tw_shards_close(shards);
    return 0;
}

static int describe(tw_model *model, tw_declare_extra *extra, void *context)
{
    if (tw_model_check_folder(model->path) < 0)
        return -1;
    if (tw_lora_is(model->path) && !(model->lora = tw_lora_read_config(model->path)))
        return -1;
    char *config = tw_join_path(base_of(model), "config.json");
    int status = read_config(model, config);
    free(config);
    if (status < 0 || read_tokenizer(model, base_of(model)) < 0 ||
        read_stops(model, base_of(model)) < 0 || correct_config(model) < 0)
        return -1;
    model->architecture->declare(model);
    model->own_params = model->params.count;
    if (model->lora && tw_lora_declare(model) < 0)
        return tw_fail_in("%s", model->path);
    if (extra)
        extra(model, context);
    return 0;
}

tw_model *tw_model_describe(const char *folder, tw_declare_extra *extra, void *context)
{
    tw_model *model = tw_alloc(1, sizeof *model);
    model->path = tw_strdup(folder);
    if (describe(model, extra, context) == 0)
        return model;
    tw_model_free(model);
    return NULL;
}

int tw_model_load(tw_model *model, tw_use use, bool *found)
{
    bool unused = false;
    tw_use base_use = use == TW_USE_ADAPTER ? TW_USE_FROZEN : use;
    if (tw_weights_load(model, base_of(model), base_use, model->own_params,
                        found ? found : &unused) < 0)
        return -1;
    if (!model->lora)
        return 0;
    if (tw_lora_load(model, model->path, use == TW_USE_ADAPTER) < 0)
        return -1;
    if (use == TW_USE_TRAINABLE)
        tw_lora_merge(model);
    return 0;
}

tw_params *tw_model_trained(tw_model *model)
{
    return model->lora && !model->lora->merged ? &model->lora->params : &model->params;
}

tw_model *tw_model_open_with(const char *folder, tw_use use, tw_declare_extra *extra, void *context,
                             bool *found)
{
    tw_model *model = tw_model_describe(folder, extra, context);
    if (!model || tw_model_load(model, use, found) == 0)
        return model;
    tw_model_free(model);
    return NULL;
}

tw_model *tw_model_open(const char *folder, tw_use use)
{
    return tw_model_open_with(folder, use, NULL, NULL, NULL);
}

/* A configuration for training from scratch may leave vocab_size to the tokenizer. */
static int complete_config(tw_model *model, const char *config_path, const char *tokenizer_path)
{
    tw_tokenizer *tokenizer = tw_tokenizer_open(tokenizer_path);
    if (!tokenizer)
        return -1;
    model->json = tw_json_read(config_path);
    if (model->json && !json_object_get(model->json, "vocab_size"))
        json_object_set_new(model->json, "vocab_size", json_integer(tw_tokenizer_size(tokenizer)));
    tw_tokenizer_free(tokenizer);
    if (!model->json)
        return -1;
    return configure(model) < 0 ? tw_fail_in("%s", config_path) : 0;
}

tw_model *tw_model_draft(const char *config_path, const char *tokenizer_path)
{
    tw_model *model = tw_alloc(1, sizeof *model);
    if (complete_config(model, config_path, tokenizer_path) < 0 ||
        read_tokenizer(model, tokenizer_path) < 0) {
        tw_model_free(model);
        return NULL;
    }
    model->architecture->declare(model);
    model->own_params = model->params.count;
    return model;
}

void tw_model_fill(tw_model *model, uint64_t seed)
{
    tw_params_allocate(&model->params, true);
    model->architecture->initialise(model, seed);
}

tw_model *tw_model_init(const char *config_path, const char *tokenizer_path, uint64_t seed)
{
    tw_model *model = tw_model_draft(config_path, tokenizer_path);
    if (model)
        tw_model_fill(model, seed);
    return model;
}

tw_tensor *tw_model_states(const tw_model *model, tw_tape *tape, tw_tensor *hidden)
{
    const float scale = model->config.logit_scale;
    if (model->architecture->head)
        return model->architecture->head(model, tape, hidden);
    return scale == 0 || scale == 1 ? hidden : tw_scale(tape, hidden, scale);
}

void tw_model_logits(const tw_model *model, const float *states, size_t rows, float *logits)
{
    const size_t width = model->config.hidden_size, vocabulary = model->config.vocab_size;
    const tw_tensor *bias = model->output_bias;
    tw_weight_gemm(true, rows, states, width, model->output_embedding, false, logits, vocabulary);
    for (size_t i = 0; bias && i < rows; i++)
        tw_row_axpy(logits + i * vocabulary, bias->x, vocabulary, 1);
}

void tw_model_free(tw_model *model)
{
    if (!model)
        return;
    tw_lora_free(model->lora);
    tw_params_free(&model->params);
    tw_shards_close(model->weights);
    tw_tokenizer_free(model->tokenizer);
    json_decref(model->json);
    free(model->state);
    free(model->path);
    free(model);
}
