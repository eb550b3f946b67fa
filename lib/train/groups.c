#include "core/error.h"
#include "train/loader.h"

/* Ranked groups. */

/* The index of a group keys its random numbers (core/rng.h). */
enum { GROUPS_MAX = (1 << 24) - 1 };

static int take_group(tw_loader *loader, const tw_record *record, const tw_texts *texts)
{
    tw_data *data = loader->data;
    tw_group group = {
        .key = record->key, .line = record->line, .count = texts->count, .equal = true};
    if (group.count < 2)
        return tw_fail("samples: expected at least 2 to rank, got %zu", group.count);
    if (data->count == GROUPS_MAX)
        return tw_fail("more than %d groups", GROUPS_MAX);
    group.generations = tw_arena_zero(data->arena, group.count, sizeof *group.generations);
    for (size_t k = 0; k < group.count; k++) {
        tw_generation *generation = &group.generations[k];
        const json_t *sample = json_array_get(record->samples, k);
        generation->ids = tw_loader_keep(loader, &texts->completions[k]);
        generation->score = json_number_value(json_object_get(sample, "score"));
        tw_loader_digest(loader, &generation->score, sizeof generation->score);
        group.equal &= generation->score == group.generations[0].score;
    }
    if (group.equal && loader->options->refuse_equal)
        return tw_fail("samples: all %zu scores are %g: they rank nothing", group.count,
                       group.generations[0].score);
    group.prompt = tw_loader_keep(loader, &texts->prompt);
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
