#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "tensor/tensor.h"
#include "tensor/weight.h"

tw_tensor *tw_params_add(tw_params *params, const char *name, int rank, size_t rows, size_t width)
{
    assert(rank == 2 || rows == 1);
    tw_tensor *tensor = tw_alloc(1, sizeof *tensor);
    *tensor = (tw_tensor){.name = tw_strdup(name), .rows = rows, .width = width, .rank = rank};
    params->tensors = tw_realloc(params->tensors, params->count + 1, sizeof *params->tensors);
    params->tensors[params->count++] = tensor;
    params->size += tw_tensor_room(tensor);
    return tensor;
}

tw_tensor *tw_params_find(const tw_params *params, const char *name)
{
    for (size_t i = 0; i < params->count; i++)
        if (strcmp(params->tensors[i]->name, name) == 0)
            return params->tensors[i];
    return NULL;
}

void tw_params_allocate(tw_params *params, bool trainable)
{
    params->trainable = trainable;
    params->x = tw_alloc(params->size, sizeof(float));
    params->dx = trainable ? tw_alloc(params->size, sizeof(float)) : NULL;
    size_t at = 0;
    for (size_t i = 0; i < params->count; i++) {
        tw_tensor *tensor = params->tensors[i];
        tensor->x = params->x + at;
        tensor->dx = trainable ? params->dx + at : NULL;
        tensor->wants_dx = trainable;
        at += tw_tensor_room(tensor);
    }
}

void tw_params_own(tw_params *params)
{
    if (params->x)
        return;
    params->x = tw_alloc(params->size, sizeof *params->x);
    size_t at = 0;
    for (size_t i = 0; i < params->count; i++) {
        tw_tensor *tensor = params->tensors[i];
        tw_weight_values(tensor, params->x + at);
        tensor->x = params->x + at;
        tensor->half = NULL;
        at += tw_tensor_room(tensor);
    }
    free(params->copies);
    params->copies = NULL;
}

void tw_params_free(tw_params *params)
{
    for (size_t i = 0; i < params->count; i++) {
        free((char *)params->tensors[i]->name);
        free(params->tensors[i]);
    }
    free(params->tensors);
    free(params->x);
    free(params->dx);
    free(params->copies);
    *params = (tw_params){0};
}

size_t tw_params_values(const tw_params *params)
{
    size_t values = 0;
    for (size_t i = 0; i < params->count; i++)
        values += params->tensors[i]->rows * params->tensors[i]->width;
    return values;
}
