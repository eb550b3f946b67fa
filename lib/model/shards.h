#ifndef TW_MODEL_SHARDS_H
#define TW_MODEL_SHARDS_H

#include <stdbool.h>
#include <stddef.h>

#include "tensor/safetensors.h"

/* The weight files of a model folder: model.safetensors or, where there is none, those named by
 * model.safetensors.index.json: {"weight_map": {tensor: file, ...}}. */

typedef struct tw_shards tw_shards;

/* A tensor and the file it is in; both borrowed until close. */
typedef struct tw_stored {
    const tw_array *array;
    const tw_safetensors *file;
} tw_stored;

/* Names of the weight files in the folder, each once, in the order of the index; with
 * `with_index` and an index, that first. One allocation, which the caller frees. NULL on
 * failure: no weights, only pytorch_model.bin, an index that is malformed or that names what
 * is not a file of this folder. */
char **tw_shards_names(const char *folder, bool with_index, size_t *count);

/* Opens all files. Fails as tw_shards_names does, on what tw_safetensors_open fails on, and
 * when a file lacks a tensor that the index says it has. */
tw_shards *tw_shards_open(const char *folder);
void tw_shards_close(tw_shards *shards); /* accepts NULL */

/* Of model.safetensors or the index, for messages. */
const char *tw_shards_path(const tw_shards *shards);

/* False (and no message) if there is none of that name; with an index, if it names none. */
bool tw_shards_find(const tw_shards *shards, const char *name, tw_stored *found);

/* All tensors of all files, named by the index or not. */
size_t tw_shards_count(const tw_shards *shards);
tw_stored tw_shards_at(const tw_shards *shards, size_t i);

#endif
