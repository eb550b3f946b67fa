#include "train/loader.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/rng.h"
#include "stream/block.h"

enum { ARENA_BLOCK = 1 << 20 };

static void clear_texts(tw_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        free(texts->completions[i].ids);
    free(texts->completions);
    free(texts->cut);
    free(texts->prompt.ids);
    free(texts->error);
    *texts = (tw_texts){0};
}

static int encode_completions(const tw_encoding *encoding, const tw_record *record, bool samples,
                              tw_texts *texts)
{
    size_t count = samples ? json_array_size(record->samples) : record->completion != NULL;
    texts->completions = tw_alloc(count, sizeof *texts->completions);
    texts->cut = tw_alloc(count, sizeof *texts->cut);
    for (; texts->count < count; texts->count++) {
        tw_ids *ids = &texts->completions[texts->count];
        const json_t *sample = samples ? json_array_get(record->samples, texts->count) : NULL;
        int cut = sample ? tw_encode_sample(encoding, sample, &texts->encoded, ids)
                         : tw_encode_completion(encoding, record->completion, &texts->encoded, ids);
        if (cut < 0)
            return sample ? tw_fail_in("samples[%zu]", texts->count) : tw_fail_in("completion");
        texts->cut[texts->count] = cut;
    }
    return 0;
}

static void encode(const tw_encoding *encoding, const tw_record *record, bool samples,
                   tw_texts *texts)
{
    *texts = (tw_texts){0};
    int status = encode_completions(encoding, record, samples, texts);
    size_t longest = 0;
    for (size_t i = 0; i < texts->count; i++)
        if (texts->completions[i].count > longest)
            longest = texts->completions[i].count;
    if (status == 0)
        status =
            tw_encode_prompt(encoding, record->prompt, longest, &texts->encoded, &texts->prompt);
    if (status < 0)
        texts->error = tw_strdup(tw_error());
}

static int take_one(tw_loader *loader, tw_records *records, const tw_record *record,
                    const tw_texts *texts, tw_take *take)
{
    loader->data->counts.records++;
    loader->encoded.prompts_cut += texts->encoded.prompts_cut;
    loader->encoded.completions_cut += texts->encoded.completions_cut;
    loader->encoded.compared += texts->encoded.compared;
    loader->encoded.differed += texts->encoded.differed;
    int status = texts->error ? tw_fail("%s", texts->error) : take(loader, record, texts);
    if (status == 0)
        return 0;
    tw_record_fail(record, "%s", tw_error());
    return tw_records_reject(records);
}

static int take_all(tw_loader *loader, tw_records *records, bool samples, tw_take *take)
{
    const tw_encoding *encoding = &loader->options->encoding;
    tw_block *block = tw_alloc(1, sizeof *block);
    tw_texts *texts = tw_alloc(TW_BLOCK_RECORDS, sizeof *texts);
    int status = 0;
    while (status == 0 && (status = tw_block_read(block, records)) > 0) {
#pragma omp parallel for schedule(dynamic)
        for (size_t i = 0; i < block->count; i++)
            encode(encoding, &block->records[i], samples, &texts[i]);
        status = 0;
        for (size_t i = 0; i < block->count; i++) {
            if (status == 0)
                status = take_one(loader, records, &block->records[i], &texts[i], take);
            clear_texts(&texts[i]);
        }
    }
    tw_block_clear(block);
    free(block);
    free(texts);
    return status;
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
    int status = records ? take_all(loader, records, need & TW_NEED_SAMPLES, take) : -1;
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

tw_ids tw_loader_keep(tw_loader *loader, const tw_ids *ids)
{
    size_t size = ids->count * sizeof *ids->ids;
    tw_ids kept = {tw_arena_alloc(loader->data->arena, size, 1), ids->count};
    if (size > 0)
        memcpy(kept.ids, ids->ids, size);
    loader->data->counts.tokens += ids->count;
    tw_loader_digest(loader, kept.ids, size);
    return kept;
}
