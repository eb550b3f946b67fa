#include "metric/rewarded.h"

#include <stdlib.h>

#include "core/memory.h"

static void add_token(tw_rewarded *all, const char *piece, double reward)
{
    if (all->count == all->capacity) {
        all->capacity = all->capacity ? 2 * all->capacity : 64;
        all->pieces = tw_realloc(all->pieces, all->capacity, sizeof *all->pieces);
        all->rewards = tw_realloc(all->rewards, all->capacity, sizeof *all->rewards);
    }
    all->pieces[all->count] = piece;
    all->rewards[all->count++] = reward;
}

static int gather(const tw_record *record, size_t k, const tw_tokenizer *tokenizer,
                  tw_rewarded *all)
{
    const json_t *sample = json_array_get(record->samples, k);
    const json_t *ids = json_object_get(sample, "tokens");
    const json_t *rewards = json_object_get(sample, "rewards");
    const size_t count = json_array_size(ids);
    if (!json_is_array(ids))
        return tw_record_fail(record, "samples[%zu].tokens: expected an array of token ids", k);
    if (!json_is_array(rewards) || json_array_size(rewards) != count)
        return tw_record_fail(
            record,
            "samples[%zu].rewards: expected %zu numbers, one per token (-g GUIDANCE computes them)",
            k, count);
    for (size_t i = 0; i < count; i++) {
        const json_int_t id = json_integer_value(json_array_get(ids, i));
        const json_t *reward = json_array_get(rewards, i);
        const char *piece =
            id >= 0 && id <= INT32_MAX ? tw_tokenizer_piece(tokenizer, (int32_t)id) : NULL;
        if (!piece)
            return tw_record_fail(record,
                                  "samples[%zu].tokens[%zu]: no token %lld in this "
                                  "vocabulary",
                                  k, i, (long long)id);
        if (!json_is_number(reward))
            return tw_record_fail(record, "samples[%zu].rewards[%zu]: expected a number", k, i);
        add_token(all, piece, json_number_value(reward));
    }
    return 0;
}

int tw_rewarded_read(tw_rewarded *all, const tw_record *record, const tw_tokenizer *tokenizer)
{
    if (!record->samples)
        return tw_record_fail(record, "samples: expected an array, got nothing (run sample first)");
    all->samples = json_array_size(record->samples);
    all->lengths = tw_alloc(all->samples, sizeof *all->lengths);
    for (size_t k = 0; k < all->samples; k++) {
        const size_t before = all->count;
        if (gather(record, k, tokenizer, all) != 0)
            return -1;
        all->lengths[k] = all->count - before;
    }
    return 0;
}

void tw_rewarded_clear(tw_rewarded *all)
{
    free(all->lengths);
    free(all->pieces);
    free(all->rewards);
    *all = (tw_rewarded){0};
}
