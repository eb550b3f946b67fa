#ifndef TW_TRAIN_LOADER_H
#define TW_TRAIN_LOADER_H

#include "train/data.h"

/* What loading text and loading groups share; not for others. */

typedef struct tw_loader {
    tw_data *data;
    const tw_data_options *options;
    size_t capacity; /* of the array being filled */
    tw_encoded encoded;
} tw_loader;

/* Takes one record: 0, or -1 after tw_fail when it is bad (`field: expected ...`). */
typedef int tw_take(tw_loader *loader, const tw_record *record);

/* Runs take over all records of files; bad ones are rejected as records.max_errors
 * allows. On failure the data is freed. */
int tw_load(tw_loader *loader, char *const *files, int count, unsigned need, tw_take *take);

/* Makes room for one more entry in a growing array of entries of `size` bytes. */
void *tw_loader_grow(tw_loader *loader, void *entries, size_t size);

/* A copy in the arena, counted and digested. */
tw_ids tw_loader_keep(tw_loader *loader, const int32_t *ids, size_t count);

/* Encodes and keeps the record's prompt beside a completion of that many tokens. */
int tw_loader_prompt(tw_loader *loader, const tw_record *record, size_t completion, tw_ids *ids);

void tw_loader_digest(tw_loader *loader, const void *bytes, size_t size);

#endif
