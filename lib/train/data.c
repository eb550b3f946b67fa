#include "train/data.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/rng.h"
#include "train/loader.h"

/* Training text. */

static int take_example(tw_loader *loader, const tw_record *record, const tw_texts *texts)
{
    tw_data *data = loader->data;
    tw_example example = {.key = record->key, .line = record->line};
    if (texts->count > 0) {
        size_t size = strlen(record->completion) + 1;
        example.completion = tw_loader_keep(loader, &texts->completions[0]);
        example.text = memcpy(tw_arena_alloc(data->arena, size, 1), record->completion, size);
    }
    example.prompt = tw_loader_keep(loader, &texts->prompt);
    data->examples = tw_loader_grow(loader, data->examples, sizeof *data->examples);
    data->examples[data->count++] = example;
    return 0;
}

int tw_data_load_texts(tw_data *data, char *const *files, int count, const tw_data_options *options,
                       bool need_completion)
{
    tw_loader loader = {.data = data, .options = options};
    unsigned need = TW_NEED_PROMPT | (need_completion ? TW_NEED_COMPLETION : 0);
    return tw_load(&loader, files, count, need, take_example);
}

void tw_data_free(tw_data *data)
{
    tw_arena_free(data->arena);
    free(data->examples);
    free(data->groups);
    free(data->provenance);
    *data = (tw_data){0};
}

/* A stable partition of count entries of `size` bytes by out[count]. */
static void move_behind(void *entries, size_t count, size_t size, const bool *out)
{
    char *from = entries, *moved = tw_alloc(count, size), *to = moved;
    for (int behind = 0; behind < 2; behind++)
        for (size_t i = 0; i < count; i++)
            if (out[i] == (behind == 1)) {
                memcpy(to, from + i * size, size);
                to += size;
            }
    if (count > 0)
        memcpy(entries, moved, count * size);
    free(moved);
}

size_t tw_data_hold_out(tw_data *data, uint64_t seed, double fraction)
{
    bool *out = tw_alloc(data->count, sizeof *out);
    size_t kept = 0;
    for (size_t i = 0; i < data->count; i++) {
        uint64_t key = data->groups ? data->groups[i].key : data->examples[i].key;
        out[i] = tw_uniform(seed, TW_RNG_SPLIT, key, 0, 0) < fraction;
        kept += !out[i];
    }
    if (data->groups)
        move_behind(data->groups, data->count, sizeof *data->groups, out);
    else
        move_behind(data->examples, data->count, sizeof *data->examples, out);
    free(out);
    return kept;
}
