#include "model/shards.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "model/config.h"

#define SINGLE "model.safetensors"
#define INDEX "model.safetensors.index.json"

enum { MAX_FILES = 4096 };

struct tw_shards {
    char *path;
    char **names; /* [count] of the files; NULL entries never */
    tw_safetensors **files;
    size_t count, arrays;
    json_t *index; /* NULL: one file */
};

static bool holds(const char *folder, const char *name)
{
    char *path = tw_join_path(folder, name);
    bool found = access(path, F_OK) == 0;
    free(path);
    return found;
}

/* Weights that are there, but not as we read them. */
static int refuse_others(const char *folder)
{
    static const char *const others[] = {"pytorch_model.bin", "pytorch_model.bin.index.json"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (holds(folder, others[i]))
            return tw_fail("%s: no " SINGLE " (%s is not read: convert it to safetensors)", folder,
                           others[i]);
    return 0;
}

/* A file of the folder itself, whatever a hostile index says. */
static int check_name(const char *tensor, const char *name)
{
    if (!name)
        return tw_fail("weight_map: %s: expected the name of a file", tensor);
    if (*name == '\0' || *name == '.' || strchr(name, '/'))
        return tw_fail("weight_map: %s: '%s' is not the name of a file in this folder", tensor,
                       name);
    return 0;
}

static json_t *read_index(const char *folder)
{
    char *path = tw_join_path(folder, INDEX);
    json_t *index = tw_json_read(path), *map = json_object_get(index, "weight_map"), *value;
    const char *tensor;
    int status = index ? 0 : -1;
    if (index && json_object_size(map) == 0)
        status = tw_fail("%s: weight_map: missing, empty or not an object", path);
    json_object_foreach(map, tensor, value)
    {
        if (status == 0 && check_name(tensor, json_string_value(value)) < 0)
            status = tw_fail_in("%s", path);
    }
    free(path);
    if (status == 0)
        return index;
    json_decref(index);
    return NULL;
}

static bool is_among(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* The list and its text in one allocation. */
static char **pack(const char *const *names, size_t count)
{
    size_t bytes = count * sizeof(char *);
    for (size_t i = 0; i < count; i++)
        bytes += strlen(names[i]) + 1;
    char **packed = tw_alloc(bytes, 1), *at = (char *)(packed + count);
    for (size_t i = 0; i < count; i++) {
        packed[i] = at;
        at = stpcpy(at, names[i]) + 1;
    }
    return packed;
}

static char **names_of(const char *folder, const json_t *index, bool with_index, size_t *count)
{
    const char **names = tw_alloc(MAX_FILES + 1, sizeof *names), *tensor;
    json_t *value;
    bool too_many = false;
    *count = 0;
    if (with_index)
        names[(*count)++] = INDEX;
    json_object_foreach(json_object_get(index, "weight_map"), tensor, value)
    {
        const char *name = json_string_value(value);
        if (too_many || is_among(names, *count, name))
            continue;
        too_many = *count == MAX_FILES;
        if (!too_many)
            names[(*count)++] = name;
    }
    char **packed = NULL;
    if (too_many)
        tw_fail("%s/" INDEX ": weight_map: more than %d files", folder, MAX_FILES);
    else
        packed = pack(names, *count);
    free(names);
    return packed;
}

char **tw_shards_names(const char *folder, bool with_index, size_t *count)
{
    static const char *const single[] = {SINGLE};
    *count = 1;
    if (holds(folder, SINGLE))
        return pack(single, 1);
    if (!holds(folder, INDEX))
        return refuse_others(folder) < 0 ? NULL : pack(single, 1); /* opening it will say so */
    json_t *index = read_index(folder);
    char **names = index ? names_of(folder, index, with_index, count) : NULL;
    json_decref(index);
    return names;
}

static int open_files(tw_shards *shards, const char *folder)
{
    size_t count = 0;
    shards->names = tw_shards_names(folder, false, &count);
    if (!shards->names)
        return -1;
    shards->files = tw_alloc(count, sizeof *shards->files);
    for (; shards->count < count; shards->count++) {
        char *path = tw_join_path(folder, shards->names[shards->count]);
        tw_safetensors *file = tw_safetensors_open(path);
        free(path);
        if (!file)
            return shards->index ? tw_fail_in("%s", shards->path) : -1;
        shards->files[shards->count] = file;
        shards->arrays += tw_safetensors_count(file);
    }
    return 0;
}

/* What the index promises is there. */
static int check_index(const tw_shards *shards)
{
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(shards->index, "weight_map"), name, value)
    {
        tw_stored found;
        if (!tw_shards_find(shards, name, &found))
            return tw_fail("%s: weight_map: tensor %s is not in %s", shards->path, name,
                           json_string_value(value));
    }
    return 0;
}

tw_shards *tw_shards_open(const char *folder)
{
    tw_shards *shards = tw_alloc(1, sizeof *shards);
    bool is_set = !holds(folder, SINGLE) && holds(folder, INDEX);
    shards->path = tw_join_path(folder, is_set ? INDEX : SINGLE);
    if (is_set)
        shards->index = read_index(folder);
    if ((!is_set || shards->index) && open_files(shards, folder) == 0 && check_index(shards) == 0)
        return shards;
    tw_shards_close(shards);
    return NULL;
}

void tw_shards_close(tw_shards *shards)
{
    if (!shards)
        return;
    for (size_t i = 0; i < shards->count; i++)
        tw_safetensors_close(shards->files[i]);
    json_decref(shards->index);
    free(shards->files);
    free(shards->names);
    free(shards->path);
    free(shards);
}

const char *tw_shards_path(const tw_shards *shards)
{
    return shards->path;
}

bool tw_shards_find(const tw_shards *shards, const char *name, tw_stored *found)
{
    size_t i = 0;
    if (shards->index) {
        const json_t *map = json_object_get(shards->index, "weight_map");
        const char *file = json_string_value(json_object_get(map, name));
        while (file && i < shards->count && strcmp(shards->names[i], file) != 0)
            i++;
        if (!file || i == shards->count)
            return false;
    }
    *found = (tw_stored){tw_safetensors_find(shards->files[i], name), shards->files[i]};
    return found->array != NULL;
}

size_t tw_shards_count(const tw_shards *shards)
{
    return shards->arrays;
}

tw_stored tw_shards_at(const tw_shards *shards, size_t i)
{
    size_t f = 0;
    while (i >= tw_safetensors_count(shards->files[f]))
        i -= tw_safetensors_count(shards->files[f++]);
    return (tw_stored){tw_safetensors_at(shards->files[f], i), shards->files[f]};
}
