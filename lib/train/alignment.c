#include "train/alignment.h"

#include <stdlib.h>

#include "core/rng.h"
#include "model/prompt.h"

void tw_aligner_init(tw_aligner *aligner, const tw_guidance *guidance, uint64_t seed,
                     size_t group_size, bool recording)
{
    *aligner = (tw_aligner){.guidance = guidance, .seed = seed, .group_size = group_size};
    aligner->tape = tw_tape_new(recording);
}

void tw_aligner_free(tw_aligner *aligner)
{
    tw_tape_free(aligner->tape);
    tw_batch_free(&aligner->batch);
    *aligner = (tw_aligner){0};
}

/* If the chosen ones all have one score, the last makes room for the first of the
 * others that has another. */
static void make_unequal(const tw_group *group, uint32_t *order, size_t size)
{
    double score = group->generations[order[0]].score;
    for (size_t i = 1; i < size; i++)
        if (group->generations[order[i]].score != score)
            return;
    for (size_t i = size; i < group->count; i++)
        if (group->generations[order[i]].score != score) {
            order[size - 1] = order[i];
            return;
        }
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

size_t tw_choose_generations(const tw_visit *visit, uint64_t seed, size_t group_size,
                             uint32_t *chosen)
{
    const tw_group *group = visit->group;
    for (uint32_t k = 0; k < group->count; k++)
        chosen[k] = k;
    if (group_size == 0 || group_size >= group->count)
        return group->count;
    /* The order of the epochs has b = 0 (train/order.c). */
    tw_permutation(seed, TW_RNG_SHUFFLE, visit->number, visit->index + 1, group->count, chosen);
    make_unequal(group, chosen, group_size);
    qsort(chosen, group_size, sizeof *chosen, by_number);
    return group_size;
}

/* A visit as the loss sees it; arrays are in the tape's arena. */
typedef struct part {
    size_t count;
    size_t *lengths;
    double *scores;
    size_t tokens; /* sum of lengths */
} part;

static part add_visit(tw_aligner *aligner, const tw_visit *visit)
{
    tw_arena *arena = tw_tape_arena(aligner->tape);
    const tw_group *group = visit->group;
    uint32_t *chosen = tw_arena_alloc(arena, group->count, sizeof *chosen);
    part part = {.count = tw_choose_generations(visit, aligner->seed, aligner->group_size, chosen)};
    part.lengths = tw_arena_alloc(arena, part.count, sizeof *part.lengths);
    part.scores = tw_arena_alloc(arena, part.count, sizeof *part.scores);
    size_t root = tw_model_add_prompt(aligner->guidance->model, &aligner->batch, group->prompt.ids,
                                      group->prompt.count);
    for (size_t k = 0; k < part.count; k++) {
        const tw_generation *generation = &group->generations[chosen[k]];
        tw_batch_add(&aligner->batch, generation->ids.ids, generation->ids.count, (int64_t)root);
        part.lengths[k] = generation->ids.count;
        part.scores[k] = generation->score;
        part.tokens += generation->ids.count;
    }
    return part;
}

/* Loss of one visit into *sums; its gradient times `share` into d_rewards unless NULL. */
static void align_one(const tw_aligner *aligner, const tw_visit *visit, const part *part,
                      const float *rewards, double share, float *d_rewards, tw_alignment *sums)
{
    tw_arena *arena = tw_tape_arena(aligner->tape);
    const tw_aggregate *aggregate = &aligner->guidance->settings.aggregate;
    double *e = tw_arena_alloc(arena, part->count, sizeof *e);
    double *d_e = tw_arena_alloc(arena, part->count, sizeof *d_e);
    uint32_t *order = tw_arena_alloc(arena, part->count, sizeof *order);
    tw_aggregate_scores(aggregate, rewards, part->lengths, part->count, e);
    tw_preference_order(part->scores, part->count, aligner->seed, visit->number, visit->index,
                        order);
    const double weight = visit->group->weight;
    sums->loss += weight * tw_plackett_luce_top(e, order, part->count,
                                                tw_known(part->scores, part->count), d_e);
    tw_count_pairs(part->scores, e, part->count, &sums->pairs);
    if (!d_rewards)
        return;
    for (size_t k = 0; k < part->count; k++)
        d_e[k] *= weight * share;
    tw_aggregate_gradient(aggregate, rewards, part->lengths, part->count, d_e, d_rewards);
}

void tw_align(tw_aligner *aligner, const tw_visit *visits, size_t count, size_t update_size,
              tw_alignment *sums)
{
    tw_tape *tape = aligner->tape;
    tw_tape_reset(tape);
    tw_batch_clear(&aligner->batch);
    part *parts = tw_arena_alloc(tw_tape_arena(tape), count, sizeof *parts);
    for (size_t i = 0; i < count; i++)
        parts[i] = add_visit(aligner, &visits[i]);
    tw_tensor *rewards = tw_guidance_rewards(aligner->guidance, tape, &aligner->batch);
    bool fresh = false;
    float *d_rewards = rewards->wants_dx ? tw_gradient(tape, rewards, &fresh) : NULL;
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        align_one(aligner, &visits[i], &parts[i], rewards->x + at, 1 / (double)update_size,
                  d_rewards ? d_rewards + at : NULL, sums);
        at += parts[i].tokens;
    }
    sums->groups += count;
    sums->rows += tw_batch_rows(&aligner->batch);
    if (d_rewards)
        tw_backward(tape);
}
