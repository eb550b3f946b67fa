#include "train/policy.h"

#include <stdlib.h>

#include "core/error.h"
#include "core/memory.h"
#include "model/footprint.h"
#include "model/lora.h"

int tw_policy_check(const tw_policy_options *options)
{
    tw_lora_options parsed;
    if (options->targets && !options->lora)
        return tw_fail("--lora-targets goes with --lora");
    if (options->lora && tw_lora_parse(options->lora, &parsed) < 0)
        return tw_fail_in("option --lora");
    return 0;
}

static int check_kind(const tw_model *policy, const tw_policy_options *options)
{
    if (policy->lora && options->lora)
        return tw_fail("%s: is an adapter, which goes on being trained without --lora (or merge it "
                       "first, with --merge)",
                       policy->path);
    if (options->merge && !policy->lora && !options->lora)
        return tw_fail("%s: is no adapter: there is nothing to --merge", policy->path);
    return 0;
}

tw_model *tw_policy_describe(const char *folder, const tw_policy_options *options, uint64_t seed)
{
    tw_lora_options lora = {.targets = options->targets, .seed = seed};
    tw_model *policy = tw_model_describe(folder, NULL, NULL);
    if (!policy)
        return NULL;
    int status = check_kind(policy, options);
    if (status == 0 && options->lora) {
        status = tw_lora_parse(options->lora, &lora);
        if (status == 0)
            status = tw_lora_add(policy, &lora);
    }
    if (status == 0)
        return policy;
    tw_model_free(policy);
    return NULL;
}

static tw_use use_of(const tw_model *policy)
{
    return policy->lora ? TW_USE_ADAPTER : TW_USE_TRAINABLE;
}

int tw_policy_plan(const tw_model *policy, const tw_policy_options *options,
                   const tw_policy_needs *needs, size_t available, tw_plan *plan)
{
    tw_footprint footprint;
    if (tw_model_footprint(policy, use_of(policy), &footprint) < 0)
        return -1;
    *plan = (tw_plan){0};
    tw_plan_add(plan, footprint.mapped, "of mapped weights");
    tw_plan_add(plan, footprint.values, "of weights");
    tw_plan_add(plan, footprint.gradients, "of gradients");
    tw_plan_add(plan, 2 * footprint.gradients, "of moments");
    tw_plan_add(plan, needs->keeps_best ? footprint.gradients : 0, "of the best weights");
    tw_plan_add(plan, needs->rows * tw_model_row_bytes(policy, true), "of activations");
    tw_plan_add(plan, tw_model_logit_bytes(policy), "of logits");
    tw_plan_add(plan, needs->cached * tw_model_cache_bytes(policy), "of keys and values");
    tw_plan_add(plan, options->merge ? policy->params.size * sizeof(float) : 0, "to merge");
    return tw_plan_check(plan, available);
}

static int longer_first(const void *left, const void *right)
{
    const size_t *a = left, *b = right;
    return (*a < *b) - (*a > *b);
}

size_t tw_policy_rows(const tw_data *data, size_t batch_size, size_t drawn)
{
    size_t *lengths = tw_alloc(data->count, sizeof *lengths), rows = 0;
    for (size_t i = 0; i < data->count; i++) {
        const tw_example *example = &data->examples[i];
        size_t written = example->completion.count;
        lengths[i] = example->prompt.count + (written > drawn ? written : drawn);
    }
    qsort(lengths, data->count, sizeof *lengths, longer_first);
    for (size_t i = 0; data->count > 0 && i < batch_size; i++)
        rows += lengths[i % data->count];
    free(lengths);
    return rows;
}

int tw_policy_load(tw_model *policy)
{
    return tw_model_load(policy, use_of(policy), NULL);
}

int tw_policy_save(tw_model *policy, const tw_policy_options *options, const char *folder)
{
    if (options->merge)
        tw_lora_merge(policy);
    return tw_model_save(policy, folder);
}

/* The map, and a copy of its weights as fp32. */
static int plan_merge(const tw_model *policy)
{
    tw_footprint footprint;
    tw_plan plan = {0};
    if (tw_model_footprint(policy, TW_USE_FROZEN, &footprint) < 0)
        return -1;
    tw_plan_add(&plan, footprint.mapped, "of mapped weights");
    tw_plan_add(&plan, policy->params.size * sizeof(float), "to merge");
    return tw_plan_check(&plan, tw_memory_available());
}

int tw_policy_merge(const char *folder, const char *output)
{
    tw_policy_options options = {.merge = true};
    tw_model *policy = tw_policy_describe(folder, &options, 0);
    int status = policy ? plan_merge(policy) : -1;
    if (status == 0)
        status = tw_model_load(policy, TW_USE_FROZEN, NULL);
    char *temporary = status == 0 ? tw_folder_begin(output) : NULL;
    status = temporary ? tw_policy_save(policy, &options, temporary) : -1;
    if (status == 0)
        status = tw_folder_commit(temporary, output);
    if (status < 0)
        tw_folder_abort(temporary);
    free(temporary);
    tw_model_free(policy);
    return status;
}
