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

/* A record's texts as ids. Encoding takes most of the time and needs nothing of the
 * loader's, so a block of records is encoded in parallel, then taken in order. */
typedef struct tw_texts {
    tw_ids prompt;
    tw_ids *completions; /* the completion, or the samples; [count] */
    bool *cut;           /* which of them were cut to fit; [count] */
    size_t count;
    tw_encoded encoded;
    char *error; /* NULL: none */
} tw_texts;

/* Takes one record: 0, or -1 after tw_fail when it is bad (`field: expected ...`). */
typedef int tw_take(tw_loader *loader, const tw_record *record, const tw_texts *texts);

/* Runs take over all records of files; bad ones are rejected as records.max_errors
 * allows. need is as in records; with TW_NEED_SAMPLES the texts are the samples, else the
 * completion, if there is one. On failure the data is freed. */
int tw_load(tw_loader *loader, char *const *files, int count, unsigned need, tw_take *take);

/* Makes room for one more entry in a growing array of entries of `size` bytes. */
void *tw_loader_grow(tw_loader *loader, void *entries, size_t size);

/* A copy in the arena, counted and digested. */
tw_ids tw_loader_keep(tw_loader *loader, const tw_ids *ids);

void tw_loader_digest(tw_loader *loader, const void *bytes, size_t size);

#endif
