#include "model/footprint.h"

#include "model/lora.h"

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
        footprint->values += lora->params.size * sizeof(float);
    if (lora && use == TW_USE_ADAPTER)
        footprint->gradients = lora->params.size * sizeof(float);
    if (use == TW_USE_TRAINABLE)
        return 0;
    tw_shards *shards = tw_shards_open(lora ? lora->base : model->path);
    if (!shards)
        return -1;
    for (size_t i = 0; i < tw_shards_count(shards); i++) {
        const tw_array *array = tw_shards_at(shards, i).array;
        if (stays_mapped(model, array))
            footprint->mapped += array->count * tw_dtype_size(array->dtype);
        else
            footprint->values += array->count * sizeof(float);
    }
    tw_shards_close(shards);
    return 0;
}

/* Numbers that the linear layers give for a row. */
static size_t linear_outputs(const tw_model *model)
{
    const tw_lora_layers *layers = tw_lora_layers_of(model);
    bool in_out = layers && layers->layout == TW_IN_OUT;
    size_t outputs = 0;
    for (size_t i = 0; i < model->own_params; i++) {
        const tw_tensor *tensor = model->params.tensors[i];
        if (tensor->rank == 2 && tensor->rows != model->config.vocab_size)
            outputs += in_out ? tensor->width : tensor->rows;
    }
    return outputs;
}

/* Those of a decoder's other ops: norms and residual sums, attention, the activation, rotations
 * and norms of heads. */
static size_t other_outputs(const tw_config *config)
{
    size_t heads = (config->heads + config->kv_heads) * config->head_size;
    size_t turned = config->rope.theta > 0 ? heads : 0, normed = config->head_norms ? heads : 0;
    return config->layers * (4 * config->hidden_size + config->heads * config->head_size +
                             config->intermediate_size + turned + normed);
}

size_t tw_model_row_bytes(const tw_model *model, bool recording)
{
    size_t linear = linear_outputs(model), others = other_outputs(&model->config);
    /* In encoder-decoders, whose layers are more, as many others as linear ones. */
    size_t values = (linear + (others > linear ? others : linear)) * sizeof(float);
    return recording ? 2 * values : values / model->config.layers;
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
