#include "train/loader.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/rng.h"

enum { ARENA_BLOCK = 1 << 20 };

static int take_all(tw_loader *loader, tw_records *records, tw_take *take)
{
    tw_record record = {0};
    for (;;) {
        int status = tw_records_next(records, &record);
        if (status <= 0)
            return status;
        loader->data->counts.records++;
        status = take(loader, &record);
        if (status < 0)
            tw_record_fail(&record, "%s", tw_error());
        tw_record_clear(&record);
        if (status < 0 && tw_records_reject(records) < 0)
            return -1;
    }
}

int tw_load(tw_loader *loader, char *const *files, int count, unsigned need, tw_take *take)
{
    tw_data *data = loader->data;
    tw_records_options options = loader->options->records;
    options.need = need;
    *data = (tw_data){0};
    if (tw_encoding_check(&loader->options->encoding) < 0)
        return -1;
    data->arena = tw_arena_new(ARENA_BLOCK);
    tw_records *records = tw_records_open(files, count, &options);
    int status = records ? take_all(loader, records, take) : -1;
    if (status == 0) {
        data->provenance = tw_strdup(tw_records_provenance(records));
        data->counts.rejected = tw_records_rejected(records);
        data->counts.prompts_cut = loader->encoded.prompts_cut;
        data->counts.completions_cut = loader->encoded.completions_cut;
    } else {
        tw_data_free(data);
    }
    tw_records_close(records);
    return status;
}

void *tw_loader_grow(tw_loader *loader, void *entries, size_t size)
{
    if (loader->data->count < loader->capacity)
        return entries;
    loader->capacity = loader->capacity ? 2 * loader->capacity : 256;
    return tw_realloc(entries, loader->capacity, size);
}

void tw_loader_digest(tw_loader *loader, const void *bytes, size_t size)
{
    uint64_t pair[2] = {loader->data->digest, tw_hash(bytes, size)};
    loader->data->digest = tw_hash(pair, sizeof pair);
}

tw_ids tw_loader_keep(tw_loader *loader, const int32_t *ids, size_t count)
{
    tw_ids kept = {tw_arena_alloc(loader->data->arena, count, sizeof *ids), count};
    if (count > 0)
        memcpy(kept.ids, ids, count * sizeof *ids);
    loader->data->counts.tokens += count;
    tw_loader_digest(loader, kept.ids, count * sizeof *ids);
    return kept;
}

int tw_loader_prompt(tw_loader *loader, const tw_record *record, size_t completion, tw_ids *ids)
{
    tw_ids encoded = {0};
    if (tw_encode_prompt(&loader->options->encoding, record->prompt, completion, &loader->encoded,
                         &encoded) < 0)
        return -1;
    *ids = tw_loader_keep(loader, encoded.ids, encoded.count);
    free(encoded.ids);
    return 0;
}
