/* Model folders, as from_pretrained opens them, and adapters, as PEFT does. */

#include <stdlib.h>

#include "core/error.h"
#include "core/file.h"
#include "model/config.h"
#include "model/lora.h"
#include "model/model.h"
#include "model/weights.h"

static void set_token(json_t *json, const char *key, int32_t id)
{
    if (id >= 0)
        json_object_set_new(json, key, json_integer(id));
}

static void set_stops(json_t *json, const tw_config *config)
{
    json_t *ids = tw_stops_json(&config->stops, config->eos);
    if (ids)
        json_object_set_new(json, "eos_token_id", ids);
}

static int write_in(const char *folder, const char *name, const json_t *json)
{
    char *path = tw_join_path(folder, name);
    int status = tw_json_write(path, json);
    free(path);
    return status;
}

/* T5: transformers 4 reads from one field whether the output embedding is tied and whether states
 * are scaled before it, 5 the latter from the other. */
static void set_ties(json_t *json, const tw_config *config)
{
    const bool scaled = config->logit_scale != 0;
    json_object_set_new(json, "tie_word_embeddings", json_boolean(config->tied));
    if (scaled != config->tied || json_object_get(json, "scale_decoder_outputs"))
        json_object_set_new(json, "scale_decoder_outputs", json_boolean(scaled));
}

/* What was read, with what is now true of the weights and the tokenizer. */
static int save_config(const tw_model *model, const char *folder)
{
    json_t *json = json_deep_copy(model->json);
    json_object_set_new(json, "architectures", json_pack("[s]", model->architecture->class_name));
    json_object_set_new(json, "model_type", json_string(model->architecture->model_type));
    json_object_set_new(json, "torch_dtype", json_string("float32"));
    if (json_object_get(json, "dtype")) /* as transformers 5 names it, and then reads it alone */
        json_object_set_new(json, "dtype", json_string("float32"));
    set_token(json, "bos_token_id", model->config.bos);
    set_stops(json, &model->config);
    set_token(json, "pad_token_id", model->config.pad);
    if (tw_has_encoder(&model->config)) {
        set_token(json, "decoder_start_token_id", model->config.start);
        set_ties(json, &model->config);
    }
    int status = write_in(folder, "config.json", json);
    json_decref(json);
    return status;
}

static int save_generation_config(const tw_model *model, const char *folder)
{
    json_t *json = json_object();
    const tw_config *config = &model->config;
    set_token(json, "bos_token_id", config->bos);
    set_stops(json, config);
    /* Generation in transformers wants one; to models that have none it never comes. */
    set_token(json, "pad_token_id", config->pad >= 0 ? config->pad : config->eos);
    if (tw_has_encoder(config))
        set_token(json, "decoder_start_token_id", config->start);
    int status = write_in(folder, "generation_config.json", json);
    json_decref(json);
    return status;
}

int tw_model_save(const tw_model *model, const char *folder)
{
    if (model->lora && !model->lora->merged)
        return tw_lora_save(model, folder);
    const bool t5 = tw_has_encoder(&model->config);
    int status = t5 ? tw_tokenizer_save_t5(model->tokenizer, folder)
                    : tw_tokenizer_save(model->tokenizer, folder);
    if (status < 0 || save_config(model, folder) < 0)
        return -1;
    if (!model->architecture->masked && save_generation_config(model, folder) < 0)
        return -1;
    char *path = tw_join_path(folder, "model.safetensors");
    /* transformers (4.46) takes a tied bias for zero where only its first name is there. */
    status =
        tw_weights_write(&model->params, model->output_bias, model->architecture->tied_bias, path);
    free(path);
    return status;
}
