#include "train/checkpoint.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/folder.h"
#include "core/hash.h"
#include "core/memory.h"
#include "tensor/safetensors.h"

static const char WEIGHTS[] = "weights.safetensors", BEST[] = "best.safetensors",
                  ADAM[] = "adam.safetensors", STATE[] = "state.json", CHECKSUM[] = "checksum",
                  CHECKSUMS[] = "checksums";

enum { STATE_LIMIT = 1 << 20, VERSION = 2 };

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

/* The checksum of a state: of all of it but the field itself. */
static void state_checksum(const json_t *state, char text[TW_XXH3_TEXT])
{
    json_t *rest = json_copy((json_t *)state);
    json_object_del(rest, CHECKSUM);
    char *bytes = json_dumps(rest, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
    tw_xxh3 *hash = tw_xxh3_new();
    tw_xxh3_add(hash, bytes, strlen(bytes));
    tw_xxh3_text(hash, text);
    tw_xxh3_free(hash);
    free(bytes);
    json_decref(rest);
}

static int add_checksum(json_t *checksums, const char *folder, const char *name)
{
    char text[TW_XXH3_TEXT], *path = tw_join_path(folder, name);
    int status = tw_xxh3_file(path, text);
    if (status == 0)
        json_object_set_new(checksums, name, json_string(text));
    free(path);
    return status;
}

static int write_state(const char *folder, const tw_checkpoint *checkpoint)
{
    json_t *state = json_copy(checkpoint->state), *checksums = json_object();
    char text[TW_XXH3_TEXT];
    int status = add_checksum(checksums, folder, WEIGHTS);
    if (status == 0)
        status = add_checksum(checksums, folder, ADAM);
    if (status == 0 && checkpoint->has_best)
        status = add_checksum(checksums, folder, BEST);
    json_object_set_new(state, CHECKSUMS, checksums);
    state_checksum(state, text);
    json_object_set_new(state, CHECKSUM, json_string(text));
    char *bytes = json_dumps(state, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    char *path = tw_join_path(folder, STATE);
    if (status == 0)
        status = tw_write_file(path, bytes, strlen(bytes));
    free(path);
    free(bytes);
    json_decref(state);
    return status;
}

static int write_files(const char *folder, const tw_checkpoint *checkpoint)
{
    const tw_params *params = checkpoint->params;
    view weights = {"", params->x}, best = {"", checkpoint->best};
    view moments[] = {{"m.", checkpoint->adam->m}, {"v.", checkpoint->adam->v}};
    if (write_views(folder, WEIGHTS, params, &weights, 1) < 0 ||
        write_views(folder, ADAM, params, moments, 2) < 0 ||
        (checkpoint->has_best && write_views(folder, BEST, params, &best, 1) < 0))
        return -1;
    return write_state(folder, checkpoint);
}

int tw_checkpoint_save(const char *path, const tw_checkpoint *checkpoint)
{
    tw_folder *folder = tw_folder_open(path, TW_FOLDER_CHECKPOINT);
    if (!folder)
        return -1;
    if (write_files(tw_folder_path(folder), checkpoint) < 0) {
        tw_folder_discard(folder);
        return -1;
    }
    return tw_folder_commit(folder);
}

static int check_state(const json_t *state)
{
    char text[TW_XXH3_TEXT];
    if (json_integer_value(json_object_get(state, "checkpoint")) != VERSION)
        return tw_fail("checkpoint: expected %d, the version of the format", VERSION);
    const char *wanted = json_string_value(json_object_get(state, CHECKSUM));
    state_checksum(state, text);
    if (!wanted || strcmp(wanted, text) != 0)
        return tw_fail("damaged, or changed by hand: its checksum is another one; restore the "
                       "checkpoint, or remove it to begin anew");
    return 0;
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
    } else if (check_state(state) < 0) {
        tw_fail_in("%s", name);
        json_decref(state);
        state = NULL;
    }
out:
    free(text);
    free(name);
    return state;
}

static int check_file(const char *folder, const json_t *checksums, const char *name)
{
    char text[TW_XXH3_TEXT], *path = tw_join_path(folder, name);
    const char *wanted = json_string_value(json_object_get(checksums, name));
    int status = tw_xxh3_file(path, text);
    if (status == 0 && (!wanted || strcmp(wanted, text) != 0))
        status = tw_fail("%s: damaged: its checksum is not that in state.json; restore the "
                         "checkpoint, or remove it to begin anew",
                         path);
    free(path);
    return status;
}

int tw_checkpoint_load(const char *path, tw_checkpoint *checkpoint)
{
    const tw_params *params = checkpoint->params;
    const json_t *checksums = json_object_get(checkpoint->state, CHECKSUMS);
    view weights = {"", params->x}, best = {"", checkpoint->best};
    view moments[] = {{"m.", checkpoint->adam->m}, {"v.", checkpoint->adam->v}};
    checkpoint->has_best = checkpoint->best && json_object_get(checksums, BEST);
    if (check_file(path, checksums, WEIGHTS) < 0 || check_file(path, checksums, ADAM) < 0 ||
        (checkpoint->has_best && check_file(path, checksums, BEST) < 0))
        return -1;
    if (read_views(path, WEIGHTS, params, &weights, 1) < 0 ||
        read_views(path, ADAM, params, moments, 2) < 0)
        return -1;
    return checkpoint->has_best ? read_views(path, BEST, params, &best, 1) : 0;
}

int tw_checkpoint_remove(const char *path)
{
    return tw_folder_remove(path, TW_FOLDER_CHECKPOINT);
}
