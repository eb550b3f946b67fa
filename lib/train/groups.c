#include <string.h>

#include "core/error.h"
#include "guidance/plackett-luce.h"
#include "stream/json.h"
#include "train/loader.h"

/* Ranked groups. */

/* The index of a group keys its random numbers (core/rng.h). */
enum { GROUPS_MAX = (1 << 24) - 1 };

static bool have_all(const json_t *samples, const char *field)
{
    for (size_t k = 0; k < json_array_size(samples); k++)
        if (!json_object_get(json_array_get(samples, k), field))
            return false;
    return true;
}

static bool has_any(const json_t *samples, const char *field)
{
    for (size_t k = 0; k < json_array_size(samples); k++)
        if (json_object_get(json_array_get(samples, k), field))
            return true;
    return false;
}

/* Scores say all there is to say, where all are there. A score that is missing is no
 * judgement; a rank that is missing is one, of a generation that was not chosen. */
static int read_scores(const json_t *samples, tw_generation *generations)
{
    const bool scored = have_all(samples, "score");
    const bool ranked = has_any(samples, "rank");
    for (size_t k = 0; k < json_array_size(samples); k++) {
        const json_t *sample = json_array_get(samples, k);
        const json_t *score = json_object_get(sample, "score");
        const json_t *rank = json_object_get(sample, "rank");
        if (!score && !ranked)
            return tw_fail("samples[%zu].score: expected a number, got nothing (run rank first)",
                           k);
        if (ranked && !scored && score && !rank)
            return tw_fail("samples[%zu].rank: expected one, as others have no score", k);
        if (scored)
            generations[k].score = json_number_value(score);
        else
            generations[k].score = rank ? -json_number_value(rank) : TW_NOT_CHOSEN;
    }
    return 0;
}

static int read_weight(const tw_record *record, double *weight)
{
    const json_t *given = json_object_get(record->json, "weight");
    *weight = given ? json_number_value(given) : 1;
    if (given && !json_is_number(given))
        return tw_fail("weight: expected a positive number, got %s", tw_json_kind(given));
    if (!(*weight > 0))
        return tw_fail("weight: expected a positive number, got %g", *weight);
    return 0;
}

/* Whether one that was cut to fit became another that was preferred to it, or it to that. */
static bool has_merged(const tw_group *group, const tw_texts *texts)
{
    for (size_t k = 0; k < group->count; k++)
        for (size_t i = 0; texts->cut[k] && i < group->count; i++) {
            const tw_generation *one = &group->generations[k], *other = &group->generations[i];
            if (one->score != other->score && one->ids.count == other->ids.count &&
                memcmp(one->ids.ids, other->ids.ids, one->ids.count * sizeof *one->ids.ids) == 0)
                return true;
        }
    return false;
}

/* One without a preference. */
static int refuse(const tw_group *group, bool merged)
{
    if (merged)
        return tw_fail("samples: cut to fit, two of different scores are equal: they rank nothing");
    return tw_fail("samples: all %zu scores are %g: they rank nothing", group->count,
                   group->generations[0].score);
}

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
    if (read_scores(record->samples, group.generations) < 0 ||
        read_weight(record, &group.weight) < 0)
        return -1;
    tw_loader_digest(loader, &group.weight, sizeof group.weight);
    for (size_t k = 0; k < group.count; k++) {
        tw_generation *generation = &group.generations[k];
        generation->ids = tw_loader_keep(loader, &texts->completions[k]);
        tw_loader_digest(loader, &generation->score, sizeof generation->score);
        group.equal &= generation->score == group.generations[0].score;
    }
    const bool merged = !group.equal && has_merged(&group, texts);
    if ((group.equal || merged) && loader->options->refuse_equal)
        return refuse(&group, merged);
    group.equal |= merged;
    data->counts.merged += merged;
    group.prompt = tw_loader_keep(loader, &texts->prompt);
    data->groups = tw_loader_grow(loader, data->groups, sizeof *data->groups);
    data->groups[data->count++] = group;
    return 0;
}

int tw_data_load_groups(tw_data *data, char *const *files, int count,
                        const tw_data_options *options)
{
    tw_loader loader = {.data = data, .options = options};
    unsigned need = TW_NEED_PROMPT | TW_NEED_SAMPLES;
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
