#include "train/plan.h"

#include <stdlib.h>

#include "model/prompt.h"

/* Items of batches that are looked at one by one; more take too long. */
static const uint64_t VISITS = (uint64_t)1 << 23;

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static tw_batch_size prompt_size(const tw_model *model, size_t length)
{
    const bool apart = tw_has_encoder(&model->config);
    return (tw_batch_size){
        .rows = {.text = tw_model_prompt_rows(model, length), .source = apart ? length : 0},
        .longest = length};
}

tw_batch_size tw_example_size(const tw_model *model, const tw_example *example,
                              const tw_example_use *use)
{
    const size_t prompt = example->prompt.count, written = example->completion.count;
    const size_t all = larger(written, use->samples * use->drawn);
    tw_batch_size size = prompt_size(model, prompt);
    size.rows.text += all;
    size.rows.targets = all;
    size.longest += larger(written, use->drawn);
    if (use->targets_prompt)
        size.rows.targets += tw_model_prompt_rows(model, prompt) - 1;
    return size;
}

static int longer_first(const void *left, const void *right)
{
    const size_t *a = left, *b = right;
    return (*a < *b) - (*a > *b);
}

tw_batch_size tw_group_size(const tw_model *model, const tw_group *group, size_t group_size)
{
    const size_t chosen = group_size && group_size < group->count ? group_size : group->count;
    size_t *lengths = tw_alloc(group->count, sizeof *lengths);
    tw_batch_size size = prompt_size(model, group->prompt.count);
    for (size_t k = 0; k < group->count; k++)
        lengths[k] = group->generations[k].ids.count;
    qsort(lengths, group->count, sizeof *lengths, longer_first);
    for (size_t k = 0; k < chosen; k++)
        size.rows.targets += lengths[k];
    size.rows.text += size.rows.targets;
    size.longest += lengths[0];
    free(lengths);
    return size;
}

static void add_item(tw_batch_size *sum, const tw_batch_size *item)
{
    sum->rows.text += item->rows.text;
    sum->rows.source += item->rows.source;
    sum->rows.targets += item->rows.targets;
    sum->longest = larger(sum->longest, item->longest);
}

static void keep_larger(tw_batch_size *most, const tw_batch_size *sum)
{
    most->rows.text = larger(most->rows.text, sum->rows.text);
    most->rows.source = larger(most->rows.source, sum->rows.source);
    most->rows.targets = larger(most->rows.targets, sum->rows.targets);
    most->longest = larger(most->longest, sum->longest);
}

/* Once each in an epoch: a batch that is larger than the data has some of them again. */
static size_t sum_of_longest(size_t *values, size_t count, size_t batch_size)
{
    size_t sum = 0;
    qsort(values, count, sizeof *values, longer_first);
    for (size_t i = 0; i < batch_size; i++)
        sum += values[i % count];
    return sum;
}

static tw_batch_size largest_together(const tw_batch_size *items, size_t count, size_t batch_size)
{
    size_t *values = tw_alloc(count, sizeof *values);
    tw_batch_size most = {0};
    for (size_t i = 0; i < count; i++) {
        values[i] = items[i].rows.text;
        most.longest = larger(most.longest, items[i].longest);
    }
    most.rows.text = sum_of_longest(values, count, batch_size);
    for (size_t i = 0; i < count; i++)
        values[i] = items[i].rows.source;
    most.rows.source = sum_of_longest(values, count, batch_size);
    for (size_t i = 0; i < count; i++)
        values[i] = items[i].rows.targets;
    most.rows.targets = sum_of_longest(values, count, batch_size);
    free(values);
    return most;
}

tw_batch_size tw_largest_batch(const tw_batch_size *items, size_t count,
                               const tw_train_options *train, uint64_t seed)
{
    const size_t batch_size = (size_t)train->batch_size;
    const uint64_t most_passes = VISITS / batch_size, updates = tw_train_steps(train, count);
    tw_batch_size most = {0};
    tw_order order;
    if (updates > most_passes / (uint64_t)train->accumulate)
        return largest_together(items, count, batch_size);
    const uint64_t passes = updates * (uint64_t)train->accumulate;
    tw_order_init(&order, seed, count);
    for (uint64_t pass = 0; pass < passes; pass++) {
        tw_batch_size sum = {0};
        uint64_t epoch;
        for (size_t i = 0; i < batch_size; i++)
            add_item(&sum, &items[tw_order_at(&order, pass * batch_size + i, &epoch)]);
        keep_larger(&most, &sum);
    }
    tw_order_free(&order);
    return most;
}

tw_batch_size tw_largest_in_order(const tw_batch_size *items, size_t count, size_t batch_size)
{
    tw_batch_size most = {0};
    for (size_t first = 0; first < count; first += batch_size) {
        tw_batch_size sum = {0};
        for (size_t i = first; i < count && i - first < batch_size; i++)
            add_item(&sum, &items[i]);
        keep_larger(&most, &sum);
    }
    return most;
}

int tw_plan_training(tw_plan *plan, const tw_model *model, tw_use use, bool keeps_best)
{
    if (tw_plan_weights(plan, model, use) < 0)
        return -1;
    const size_t gradients = plan->shares[plan->count - 1].bytes[TW_PLAN_GRADIENTS];
    tw_plan_add(plan, TW_PLAN_MOMENTS, 2 * gradients);
    tw_plan_add(plan, TW_PLAN_BEST, keeps_best ? gradients : 0);
    return 0;
}

static tw_batch_size *sizes_of_groups(const tw_model *model, const tw_group *groups, size_t count,
                                      size_t group_size)
{
    tw_batch_size *sizes = tw_alloc(count, sizeof *sizes);
    for (size_t i = 0; i < count; i++)
        sizes[i] = tw_group_size(model, &groups[i], group_size);
    return sizes;
}

int tw_plan_alignment(tw_plan *plan, const tw_alignment_run *run)
{
    const tw_model *model = run->guidance->model;
    tw_plan_pass_size pass = {.per_target = tw_guidance_target_bytes(run->guidance),
                              .recording = true,
                              .recompute = run->train->recompute};
    tw_batch_size *sizes = sizes_of_groups(model, run->groups, run->count, run->group_size);
    tw_batch_size most = tw_largest_batch(sizes, run->count, run->train, run->seed);
    free(sizes);
    pass.rows = most.rows;
    pass.longest = most.longest;
    tw_plan_pass(plan, model, &pass);
    if (run->held_count > 0) {
        const tw_pass_kind frozen = {.per_target = pass.per_target};
        sizes = sizes_of_groups(model, run->held, run->held_count, 0);
        most = tw_largest_in_order(sizes, run->held_count, (size_t)run->train->batch_size);
        free(sizes);
        tw_plan_add(plan, TW_PLAN_ACTIVATIONS,
                    tw_model_activation_bytes(model, &most.rows, frozen));
    }
    return tw_plan_training(plan, model, TW_USE_TRAINABLE, run->held_count > 0);
}
