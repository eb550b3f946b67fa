#include "train/checkpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "model/model.h"
#include "tensor/safetensors.h"

static const char WEIGHTS[] = "weights.safetensors", BEST[] = "best.safetensors",
                  ADAM[] = "adam.safetensors", STATE[] = "state.json";

enum { STATE_LIMIT = 1 << 20 };

/* A buffer in the layout of the params, and how its arrays are called. */
typedef struct view {
    const char *prefix;
    float *x;
} view;

static tw_array array_of(const tw_params *params, size_t i, const view *view)
{
    const tw_tensor *tensor = params->tensors[i];
    tw_array array = {.name = tw_format("%s%s", view->prefix, tensor->name),
                      .dtype = TW_F32,
                      .rank = tensor->rank,
                      .count = tensor->rows * tensor->width,
                      .data = view->x + (tensor->x - params->x)};
    array.shape[0] = tensor->rank == 1 ? tensor->width : tensor->rows;
    array.shape[1] = tensor->rank == 1 ? 0 : tensor->width;
    return array;
}

static int write_views(const char *folder, const char *name, const tw_params *params,
                       const view *views, size_t count)
{
    size_t total = params->count * count;
    tw_array *arrays = tw_alloc(total, sizeof *arrays);
    for (size_t i = 0; i < total; i++)
        arrays[i] = array_of(params, i % params->count, &views[i / params->count]);
    char *path = tw_join_path(folder, name);
    int status = tw_safetensors_write(path, arrays, total);
    for (size_t i = 0; i < total; i++)
        free((char *)arrays[i].name);
    free(arrays);
    free(path);
    return status;
}

static int read_array(const tw_safetensors *file, const tw_array *want)
{
    const tw_array *got = tw_safetensors_find(file, want->name);
    if (!got)
        return tw_fail("%s: missing", want->name);
    bool same = got->dtype == TW_F32 && got->rank == want->rank;
    for (int d = 0; same && d < want->rank; d++)
        same = got->shape[d] == want->shape[d];
    if (!same)
        return tw_fail("%s: another shape or type than the model's", want->name);
    return tw_array_to_f32(file, got, (float *)want->data);
}

static int read_views(const char *folder, const char *name, const tw_params *params,
                      const view *views, size_t count)
{
    size_t total = params->count * count;
    int status = -1;
    char *path = tw_join_path(folder, name);
    tw_safetensors *file = tw_safetensors_open(path);
    if (!file)
        goto out;
    status = 0;
    if (tw_safetensors_count(file) != total)
        status =
            tw_fail("%s: expected %zu arrays, got %zu", path, total, tw_safetensors_count(file));
    for (size_t i = 0; status == 0 && i < total; i++) {
        tw_array want = array_of(params, i % params->count, &views[i / params->count]);
        status = read_array(file, &want);
        if (status < 0)
            tw_fail_in("%s", path);
        free((char *)want.name);
    }
out:
    tw_safetensors_close(file);
    free(path);
    return status;
}

bool tw_checkpoint_exists(const char *path)
{
    char *state = tw_join_path(path, STATE);
    bool exists = access(state, F_OK) == 0;
    free(state);
    return exists;
}

static int write_state(const char *folder, const json_t *state)
{
    char *text = json_dumps(state, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    if (!text)
        return tw_fail("%s: the state is no JSON", STATE);
    char *path = tw_join_path(folder, STATE);
    int status = tw_write_file(path, text, strlen(text));
    free(path);
    free(text);
    return status;
}

int tw_checkpoint_save(const char *path, const tw_checkpoint *checkpoint)
{
    const tw_params *params = checkpoint->params;
    char *folder = tw_folder_begin(path);
    if (!folder)
        return -1;
    view weights = {"", params->x}, best = {"", checkpoint->best};
    view moments[] = {{"m.", checkpoint->adam->m}, {"v.", checkpoint->adam->v}};
    int status = write_views(folder, WEIGHTS, params, &weights, 1);
    if (status == 0)
        status = write_views(folder, ADAM, params, moments, 2);
    if (status == 0 && checkpoint->has_best)
        status = write_views(folder, BEST, params, &best, 1);
    if (status == 0)
        status = write_state(folder, checkpoint->state);
    if (status == 0)
        status = tw_folder_commit(folder, path);
    if (status < 0)
        tw_folder_abort(folder);
    free(folder);
    return status;
}

json_t *tw_checkpoint_state(const char *path)
{
    char *name = tw_join_path(path, STATE);
    size_t size = 0;
    json_error_t error;
    json_t *state = NULL;
    char *text = tw_read_file(name, STATE_LIMIT, &size);
    if (!text)
        goto out;
    state = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (!state) {
        tw_fail("%s: %s", name, error.text);
    } else if (json_integer_value(json_object_get(state, "checkpoint")) != 1) {
        tw_fail("%s: checkpoint: expected 1, the version of the format", name);
        json_decref(state);
        state = NULL;
    }
out:
    free(text);
    free(name);
    return state;
}

int tw_checkpoint_load(const char *path, tw_checkpoint *checkpoint)
{
    const tw_params *params = checkpoint->params;
    view weights = {"", params->x}, best = {"", checkpoint->best};
    view moments[] = {{"m.", checkpoint->adam->m}, {"v.", checkpoint->adam->v}};
    char *name = tw_join_path(path, BEST);
    checkpoint->has_best = checkpoint->best && access(name, F_OK) == 0;
    free(name);
    if (read_views(path, WEIGHTS, params, &weights, 1) < 0 ||
        read_views(path, ADAM, params, moments, 2) < 0)
        return -1;
    return checkpoint->has_best ? read_views(path, BEST, params, &best, 1) : 0;
}

int tw_checkpoint_remove(const char *path)
{
    /* The state first: without it the rest is no checkpoint. */
    static const char *const names[] = {STATE, WEIGHTS, BEST, ADAM};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *name = tw_join_path(path, names[i]);
        bool failed = unlink(name) < 0 && errno != ENOENT && errno != ENOTDIR;
        if (failed)
            tw_fail("%s: %s", name, strerror(errno));
        free(name);
        if (failed)
            return -1;
    }
    if (rmdir(path) < 0 && errno != ENOENT)
        return tw_fail("%s: %s", path, strerror(errno));
    return 0;
}
