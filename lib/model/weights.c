#include "model/weights.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"

static bool holds(const char *folder, const char *name)
{
    char *path = tw_join_path(folder, name);
    bool found = access(path, F_OK) == 0;
    free(path);
    return found;
}

static tw_safetensors *open_weights(const char *folder)
{
    static const char *const others[][2] = {
        {"model.safetensors.index.json", "weights in several files are not supported: join them"},
        {"pytorch_model.bin", "pytorch_model.bin is not read: convert it to safetensors"},
    };
    for (size_t i = 0; !holds(folder, "model.safetensors") && i < 2; i++)
        if (holds(folder, others[i][0])) {
            tw_fail("%s: no model.safetensors (%s)", folder, others[i][1]);
            return NULL;
        }
    char *path = tw_join_path(folder, "model.safetensors");
    tw_safetensors *file = tw_safetensors_open(path);
    free(path);
    return file;
}

/* A parameter's array, under its name or that without the architecture's prefix. */
static const tw_array *find_array(const tw_model *model, const tw_safetensors *file,
                                  const tw_tensor *tensor)
{
    const tw_array *array = tw_safetensors_find(file, tensor->name);
    size_t prefix = strlen(model->architecture->prefix);
    if (!array && strncmp(tensor->name, model->architecture->prefix, prefix) == 0)
        array = tw_safetensors_find(file, tensor->name + prefix);
    return array;
}

static int check_array(const tw_safetensors *file, const tw_array *array, const tw_tensor *tensor)
{
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

/* Finds every parameter's array: arrays[params.count], NULL for extra ones that the
 * file lacks altogether. */
static int match_arrays(const tw_model *model, const tw_safetensors *file, size_t own_count,
                        const tw_array **arrays, bool *found)
{
    const tw_tensor *missing = NULL, *missing_extra = NULL;
    *found = false;
    for (size_t i = 0; i < model->params.count; i++) {
        const tw_tensor *tensor = model->params.tensors[i];
        arrays[i] = find_array(model, file, tensor);
        if (arrays[i] && check_array(file, arrays[i], tensor) < 0)
            return -1;
        if (i >= own_count && arrays[i])
            *found = true;
        if (!arrays[i] && i < own_count && !missing)
            missing = tensor;
        if (!arrays[i] && i >= own_count && !missing_extra)
            missing_extra = tensor;
    }
    if (*found && !missing)
        missing = missing_extra;
    if (!missing)
        return 0;
    return tw_fail("%s: tensor %s is missing", tw_safetensors_path(file), missing->name);
}

/* The output embedding under its second name must be the same one. */
static int check_tied(const tw_model *model, const tw_safetensors *file, const tw_array *tied)
{
    const tw_array *own = find_array(model, file, model->output_embedding);
    if (own->dtype == tied->dtype && own->count == tied->count &&
        memcmp(own->data, tied->data, own->count * tw_dtype_size(own->dtype)) == 0)
        return 0;
    return tw_fail("%s: tensor %s differs from %s: an output layer of its own is not supported",
                   tw_safetensors_path(file), tied->name, own->name);
}

static int compare_pointers(const void *left, const void *right)
{
    const tw_array *const *a = left, *const *b = right;
    return (*a > *b) - (*a < *b);
}

/* What the file holds beyond the parameters: nothing, or what does not matter. */
static int check_others(const tw_model *model, const tw_safetensors *file,
                        const tw_array *const *arrays)
{
    size_t count = model->params.count, unknown = 0;
    const tw_array **sorted = tw_alloc(count, sizeof *sorted);
    memcpy(sorted, arrays, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_pointers);
    const char *first = NULL;
    int status = 0;
    for (size_t i = 0; i < tw_safetensors_count(file) && status == 0; i++) {
        const tw_array *array = tw_safetensors_at(file, i);
        if (bsearch(&array, sorted, count, sizeof *sorted, compare_pointers) ||
            model->architecture->is_buffer(array->name))
            continue;
        if (strcmp(array->name, model->architecture->tied) == 0)
            status = check_tied(model, file, array);
        else if (unknown++ == 0)
            first = array->name;
    }
    free(sorted);
    if (status == 0 && unknown > 0)
        tw_warn("%s: ignoring %zu tensor%s that the model does not have (%s%s)",
                tw_safetensors_path(file), unknown, unknown > 1 ? "s" : "", first,
                unknown > 1 ? ", ..." : "");
    return status;
}

/* Whether every parameter can be used where it lies in the map. */
static int take_views(tw_model *model, const tw_safetensors *file, const tw_array *const *arrays,
                      bool *all)
{
    *all = true;
    for (size_t i = 0; i < model->params.count && *all; i++) {
        const float *view = NULL;
        if (arrays[i] && tw_array_view_f32(file, arrays[i], &view) < 0)
            return -1;
        model->params.tensors[i]->x = (float *)view;
        *all = view != NULL;
    }
    return 0;
}

static int copy_values(tw_model *model, const tw_safetensors *file, const tw_array *const *arrays,
                       tw_use use)
{
    tw_params_allocate(&model->params, use == TW_USE_TRAINABLE);
    for (size_t i = 0; i < model->params.count; i++)
        if (arrays[i] && tw_array_to_f32(file, arrays[i], model->params.tensors[i]->x) < 0)
            return -1;
    return 0;
}

int tw_weights_load(tw_model *model, const char *folder, tw_use use, size_t own_count, bool *found)
{
    tw_safetensors *file = open_weights(folder);
    if (!file)
        return -1;
    const tw_array **arrays = tw_alloc(model->params.count, sizeof *arrays);
    bool viewed = false;
    int status = match_arrays(model, file, own_count, arrays, found);
    if (status == 0)
        status = check_others(model, file, arrays);
    if (status == 0 && use == TW_USE_FROZEN)
        status = take_views(model, file, arrays, &viewed);
    if (status == 0 && !viewed)
        status = copy_values(model, file, arrays, use);
    if (viewed)
        model->weights = file;
    else
        tw_safetensors_close(file);
    free(arrays);
    return status;
}

int tw_weights_save(const tw_model *model, const char *folder)
{
    const tw_params *params = &model->params;
    tw_array *arrays = tw_alloc(params->count, sizeof *arrays);
    for (size_t i = 0; i < params->count; i++) {
        const tw_tensor *tensor = params->tensors[i];
        arrays[i] = (tw_array){.name = tensor->name,
                               .dtype = TW_F32,
                               .rank = tensor->rank,
                               .shape = {tensor->rows, tensor->width},
                               .count = tensor->rows * tensor->width,
                               .data = tensor->x};
        if (tensor->rank == 1)
            arrays[i].shape[0] = tensor->width;
    }
    char *path = tw_join_path(folder, "model.safetensors");
    int status = tw_safetensors_write(path, arrays, params->count);
    free(path);
    free(arrays);
    return status;
}
