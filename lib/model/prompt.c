#include "model/prompt.h"

size_t tw_model_prompt_rows(const tw_model *model, size_t length)
{
    return tw_has_encoder(&model->config) ? 1 : length;
}

const int32_t *tw_model_prompt_ids(const tw_model *model, const int32_t *ids)
{
    return tw_has_encoder(&model->config) ? &model->config.start : ids;
}

size_t tw_model_add_prompt(const tw_model *model, tw_batch *batch, const int32_t *ids,
                           size_t length)
{
    size_t segment = tw_batch_add(batch, tw_model_prompt_ids(model, ids),
                                  tw_model_prompt_rows(model, length), -1);
    if (tw_has_encoder(&model->config))
        batch->segments[segment].source = (int64_t)tw_batch_add_source(batch, ids, length);
    return segment;
}

void tw_model_open_prompt(const tw_model *model, tw_batch *batch, const int32_t *ids, size_t length,
                          size_t slot)
{
    size_t segment = tw_batch_continue(batch, tw_model_prompt_ids(model, ids),
                                       tw_model_prompt_rows(model, length), slot);
    if (!tw_has_encoder(&model->config))
        return;
    tw_cache_open_source(batch->cache, slot, length);
    batch->segments[segment].source = (int64_t)tw_batch_add_source(batch, ids, length);
}

size_t tw_model_prompt_limit(const tw_model *model, size_t new_tokens, size_t asked)
{
    const tw_config *config = &model->config;
    if (tw_has_encoder(config))
        return asked ? asked : config->max_positions;
    size_t room = config->max_positions - new_tokens;
    return asked && asked < room ? asked : room;
}
