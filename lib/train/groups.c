#include <stdlib.h>

#include "core/error.h"
#include "train/loader.h"

/* Ranked groups. */

/* The index of a group keys its random numbers (core/rng.h). */
enum { GROUPS_MAX = (1 << 24) - 1 };

static int take_generation(tw_loader *loader, const json_t *sample, tw_generation *generation)
{
    tw_ids ids = {0};
    if (tw_encode_sample(&loader->options->encoding, sample, &loader->encoded, &ids) < 0)
        return -1;
    generation->ids = tw_loader_keep(loader, ids.ids, ids.count);
    free(ids.ids);
    generation->score = json_number_value(json_object_get(sample, "score"));
    tw_loader_digest(loader, &generation->score, sizeof generation->score);
    return 0;
}

static int take_group(tw_loader *loader, const tw_record *record)
{
    tw_data *data = loader->data;
    tw_group group = {.key = record->key, .line = record->line, .equal = true};
    group.count = json_array_size(record->samples);
    if (group.count < 2)
        return tw_fail("samples: expected at least 2 to rank, got %zu", group.count);
    if (data->count == GROUPS_MAX)
        return tw_fail("more than %d groups", GROUPS_MAX);
    group.generations = tw_arena_zero(data->arena, group.count, sizeof *group.generations);
    size_t longest = 0;
    for (size_t k = 0; k < group.count; k++) {
        tw_generation *generation = &group.generations[k];
        if (take_generation(loader, json_array_get(record->samples, k), generation) < 0)
            return tw_fail_in("samples[%zu]", k);
        if (generation->ids.count > longest)
            longest = generation->ids.count;
        group.equal &= generation->score == group.generations[0].score;
    }
    if (group.equal && loader->options->refuse_equal)
        return tw_fail("samples: all %zu scores are %g: they rank nothing", group.count,
                       group.generations[0].score);
    if (tw_loader_prompt(loader, record, longest, &group.prompt) < 0)
        return -1;
    data->groups = tw_loader_grow(loader, data->groups, sizeof *data->groups);
    data->groups[data->count++] = group;
    return 0;
}

int tw_data_load_groups(tw_data *data, char *const *files, int count,
                        const tw_data_options *options)
{
    tw_loader loader = {.data = data, .options = options};
    unsigned need = TW_NEED_PROMPT | TW_NEED_SAMPLES | TW_NEED_SCORES;
    if (tw_load(&loader, files, count, need, take_group) < 0)
        return -1;
    if (tw_encoded_check(&loader.encoded) == 0)
        return 0;
    tw_data_free(data);
    return -1;
}

size_t tw_data_drop_equal(tw_data *data)
{
    size_t kept = 0, before = data->count;
    for (size_t i = 0; i < before; i++)
        if (!data->groups[i].equal)
            data->groups[kept++] = data->groups[i];
    data->count = kept;
    return before - kept;
}
