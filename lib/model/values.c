#include "model/values.h"

#include "core/memory.h"

static int take_view(const tw_model *model, size_t i, tw_stored stored)
{
    tw_tensor *tensor = model->params.tensors[i];
    const float *view = NULL;
    if (!stored.array)
        return 0;
    if (tw_array_view_f32(stored.file, stored.array, &view) < 0)
        return -1;
    tensor->x = (float *)view;
    if (!view && model->architecture->packed && i < model->own_params && tensor->rank == 2)
        return tw_array_view_bf16(stored.file, stored.array, &tensor->half);
    return 0;
}

static bool is_viewed(const tw_tensor *tensor)
{
    return tensor->x || tensor->half;
}

/* Memory for what has no view, which is small as a rule. */
static int copy_rest(tw_params *params, const tw_stored *stored)
{
    size_t size = 0, at = 0;
    for (size_t i = 0; i < params->count; i++)
        size += is_viewed(params->tensors[i]) ? 0 : tw_tensor_room(params->tensors[i]);
    if (size > 0)
        params->copies = tw_alloc(size, sizeof *params->copies);
    for (size_t i = 0; i < params->count; i++) {
        tw_tensor *tensor = params->tensors[i];
        if (is_viewed(tensor))
            continue;
        tensor->x = params->copies + at;
        at += tw_tensor_room(tensor);
        if (stored[i].array && tw_array_to_f32(stored[i].file, stored[i].array, tensor->x) < 0)
            return -1;
    }
    return 0;
}

int tw_values_take(tw_model *model, const tw_stored *stored, bool trainable, bool *viewed)
{
    tw_params *params = &model->params;
    *viewed = false;
    if (trainable) {
        tw_params_allocate(params, true);
        for (size_t i = 0; i < params->count; i++)
            if (stored[i].array &&
                tw_array_to_f32(stored[i].file, stored[i].array, params->tensors[i]->x) < 0)
                return -1;
        return 0;
    }
    for (size_t i = 0; i < params->count; i++) {
        if (take_view(model, i, stored[i]) < 0)
            return -1;
        *viewed |= is_viewed(params->tensors[i]);
    }
    return copy_rest(params, stored);
}
