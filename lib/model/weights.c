#include "model/weights.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "model/values.h"

/* A parameter's array, under its name or that without the architecture's prefix; array is
 * NULL if there is none. */
static tw_stored find_array(const tw_model *model, const tw_shards *shards, const tw_tensor *tensor)
{
    tw_stored found = {0};
    size_t prefix = strlen(model->architecture->prefix);
    if (!tw_shards_find(shards, tensor->name, &found) &&
        strncmp(tensor->name, model->architecture->prefix, prefix) == 0)
        tw_shards_find(shards, tensor->name + prefix, &found);
    const char *const *names = model->architecture->embeddings;
    for (; !found.array && names && tensor == model->params.tensors[0] && *names; names++)
        tw_shards_find(shards, *names, &found);
    return found;
}

static int check_array(tw_stored stored, const tw_tensor *tensor)
{
    const tw_array *array = stored.array;
    const tw_safetensors *file = stored.file;
    if (array->dtype != TW_F32 && array->dtype != TW_F16 && array->dtype != TW_BF16)
        return tw_fail("%s: tensor %s: dtype %s, expected F32, F16 or BF16",
                       tw_safetensors_path(file), array->name, tw_dtype_name(array->dtype));
    if (tensor->rank == 1 && (array->rank != 1 || array->shape[0] != tensor->width))
        return tw_fail("%s: tensor %s: shape does not fit config.json, expected [%zu]",
                       tw_safetensors_path(file), array->name, tensor->width);
    if (tensor->rank == 2 &&
        (array->rank != 2 || array->shape[0] != tensor->rows || array->shape[1] != tensor->width))
        return tw_fail("%s: tensor %s: shape does not fit config.json, expected [%zu, %zu]",
                       tw_safetensors_path(file), array->name, tensor->rows, tensor->width);
    return 0;
}

/* Finds every parameter's array: arrays[params.count], without one for extra ones that the
 * file lacks altogether. */
static int match_arrays(const tw_model *model, const tw_shards *shards, size_t own_count,
                        tw_stored *arrays, bool *found)
{
    const tw_tensor *missing = NULL, *missing_extra = NULL;
    *found = false;
    for (size_t i = 0; i < model->params.count; i++) {
        const tw_tensor *tensor = model->params.tensors[i];
        arrays[i] = find_array(model, shards, tensor);
        if (arrays[i].array && check_array(arrays[i], tensor) < 0)
            return -1;
        if (i >= own_count && arrays[i].array)
            *found = true;
        if (!arrays[i].array && i < own_count && !missing)
            missing = tensor;
        if (!arrays[i].array && i >= own_count && !missing_extra)
            missing_extra = tensor;
    }
    if (*found && !missing)
        missing = missing_extra;
    if (!missing)
        return 0;
    return tw_fail("%s: tensor %s is missing", tw_shards_path(shards), missing->name);
}

/* The parameter of which this is a second name; NULL: of none. */
static const tw_tensor *tied_to(const tw_model *model, const char *name)
{
    const char *const *names = model->architecture->embeddings;
    if (strcmp(name, model->architecture->tied) == 0)
        return model->output_embedding;
    if (model->output_bias && strcmp(name, model->architecture->tied_bias) == 0)
        return model->output_bias;
    for (; names && *names; names++)
        if (strcmp(name, *names) == 0)
            return model->params.tensors[0];
    return NULL;
}

/* A parameter under its second name must be the same one. */
static int check_tied(const tw_model *model, const tw_shards *shards, const tw_tensor *tensor,
                      tw_stored stored)
{
    const tw_array *own = find_array(model, shards, tensor).array;
    const tw_array *tied = stored.array;
    if (own && own->dtype == tied->dtype && own->count == tied->count &&
        memcmp(own->data, tied->data, own->count * tw_dtype_size(own->dtype)) == 0)
        return 0;
    return tw_fail("%s: tensor %s differs from %s: one that is not tied is not supported here",
                   tw_safetensors_path(stored.file), tied->name, tensor->name);
}

static int compare_pointers(const void *left, const void *right)
{
    const tw_array *const *a = left, *const *b = right;
    return (*a > *b) - (*a < *b);
}

/* What the file holds beyond the parameters: nothing, or what does not matter. */
static int check_others(const tw_model *model, const tw_shards *shards, const tw_stored *arrays)
{
    size_t count = model->params.count, unknown = 0;
    const tw_array **sorted = tw_alloc(count, sizeof *sorted);
    for (size_t i = 0; i < count; i++)
        sorted[i] = arrays[i].array;
    qsort(sorted, count, sizeof *sorted, compare_pointers);
    const char *first = NULL;
    int status = 0;
    for (size_t i = 0; i < tw_shards_count(shards) && status == 0; i++) {
        tw_stored stored = tw_shards_at(shards, i);
        const tw_array *array = stored.array;
        if (bsearch(&array, sorted, count, sizeof *sorted, compare_pointers) ||
            model->architecture->is_buffer(array->name))
            continue;
        const tw_tensor *tied = tied_to(model, array->name);
        if (tied)
            status = check_tied(model, shards, tied, stored);
        else if (unknown++ == 0)
            first = array->name;
    }
    free(sorted);
    if (status == 0 && unknown > 0)
        tw_warn("%s: ignoring %zu tensor%s that the model does not have (%s%s)",
                tw_shards_path(shards), unknown, unknown > 1 ? "s" : "", first,
                unknown > 1 ? ", ..." : "");
    return status;
}

int tw_weights_load(tw_model *model, const char *folder, tw_use use, size_t own_count, bool *found)
{
    tw_shards *shards = tw_shards_open(folder);
    if (!shards)
        return -1;
    tw_stored *arrays = tw_alloc(model->params.count, sizeof *arrays);
    bool viewed = false;
    int status = match_arrays(model, shards, own_count, arrays, found);
    if (status == 0)
        status = check_others(model, shards, arrays);
    if (status == 0)
        status = tw_values_take(model, arrays, use == TW_USE_TRAINABLE, &viewed);
    if (viewed)
        model->weights = shards;
    else
        tw_shards_close(shards);
    free(arrays);
    return status;
}

static tw_array array_of(const tw_tensor *tensor, const char *name)
{
    tw_array array = {.name = name,
                      .dtype = tensor->half ? TW_BF16 : TW_F32,
                      .rank = tensor->rank,
                      .shape = {tensor->rows, tensor->width},
                      .count = tensor->rows * tensor->width,
                      .data = tensor->half ? (const void *)tensor->half : tensor->x};
    if (tensor->rank == 1)
        array.shape[0] = tensor->width;
    return array;
}

int tw_weights_write(const tw_params *params, const tw_tensor *tied, const char *tied_name,
                     const char *path)
{
    tw_array *arrays = tw_alloc(params->count + 1, sizeof *arrays);
    size_t count = 0;
    for (; count < params->count; count++)
        arrays[count] = array_of(params->tensors[count], params->tensors[count]->name);
    if (tied)
        arrays[count++] = array_of(tied, tied_name);
    int status = tw_safetensors_write(path, arrays, count);
    free(arrays);
    return status;
}
