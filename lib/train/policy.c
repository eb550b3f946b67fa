#include "train/policy.h"

#include <stdlib.h>

#include "core/error.h"
#include "core/folder.h"
#include "core/memory.h"
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

static tw_batch_size *sizes_of(const tw_model *policy, const tw_data *data,
                               const tw_example_use *use)
{
    tw_batch_size *sizes = tw_alloc(data->count, sizeof *sizes);
    for (size_t i = 0; i < data->count; i++)
        sizes[i] = tw_example_size(policy, &data->examples[i], use);
    return sizes;
}

static size_t longest_prompt(const tw_data *data)
{
    size_t longest = 1;
    for (size_t i = 0; i < data->count; i++)
        if (data->examples[i].prompt.count > longest)
            longest = data->examples[i].prompt.count;
    return longest;
}

static size_t decode_bytes(const tw_model *policy, const tw_plan_decode_size *size)
{
    tw_plan plan = {0};
    if (size->new_tokens > 0)
        tw_plan_decode(&plan, policy, size);
    return plan.bytes;
}

/* Generations of a step or of a validation, never of both at a time. */
static void plan_generations(const tw_model *policy, const tw_policy_run *run, tw_plan *plan)
{
    const tw_plan_decode_size drawn = {.batch_tokens = run->batch_tokens,
                                       .prompt = longest_prompt(run->data),
                                       .strands = run->use.samples,
                                       .new_tokens = run->use.drawn,
                                       .requests = (size_t)run->train->batch_size *
                                                   (size_t)run->train->accumulate};
    tw_plan_decode_size written = {.batch_tokens = run->batch_tokens, .strands = 1};
    if (run->valid && run->written > 0) {
        written.new_tokens = run->written;
        written.prompt = longest_prompt(run->valid);
        written.requests = run->valid->count;
    }
    const bool more = decode_bytes(policy, &written) > decode_bytes(policy, &drawn);
    if (more || drawn.new_tokens > 0)
        tw_plan_decode(plan, policy, more ? &written : &drawn);
}

/* Batches without gradients, of validations and of the guidance, share their memory: the second
 * takes what it needs beyond the first's. */
static void plan_frozen(const tw_model *policy, const tw_policy_run *run,
                        const tw_batch_size *batch, tw_plan *plan)
{
    static const tw_example_use nothing_drawn;
    size_t taken = 0;
    if (run->valid && run->valid->count > 0) {
        tw_batch_size *sizes = sizes_of(policy, run->valid, &nothing_drawn);
        const tw_batch_size most =
            tw_largest_in_order(sizes, run->valid->count, (size_t)run->train->batch_size);
        const tw_pass_kind kind = {.at_end = tw_model_logit_bytes(policy)};
        taken = tw_model_activation_bytes(policy, &most.rows, kind);
        tw_plan_add(plan, TW_PLAN_ACTIVATIONS, taken);
        free(sizes);
    }
    if (!run->guidance)
        return;
    const tw_pass_kind kind = {.per_target = tw_guidance_target_bytes(run->guidance)};
    const size_t wanted = tw_model_activation_bytes(run->guidance->model, &batch->rows, kind);
    tw_plan_begin(plan, "guidance");
    tw_plan_add(plan, TW_PLAN_ACTIVATIONS, wanted > taken ? wanted - taken : 0);
}

int tw_policy_plan(const tw_model *policy, const tw_policy_options *options,
                   const tw_policy_run *run, size_t available, tw_plan *plan)
{
    const bool validates = run->valid && run->valid->count > 0;
    const tw_plan_advice advice = {
        run->train->recompute ? "a smaller --batch-size with a larger --accumulate"
                              : "--recompute, or a smaller --batch-size with a larger --accumulate",
        policy->path && !policy->lora ? "--lora" : NULL};
    tw_batch_size *sizes = sizes_of(policy, run->data, &run->use);
    const tw_batch_size batch = tw_largest_batch(sizes, run->data->count, run->train, run->seed);
    const tw_plan_pass_size pass = {.rows = batch.rows,
                                    .longest = batch.longest,
                                    .logits = true,
                                    .recording = true,
                                    .recompute = run->train->recompute};
    free(sizes);
    tw_plan_begin(plan, NULL);
    if (tw_plan_training(plan, policy, use_of(policy), validates) < 0)
        return -1;
    tw_plan_pass(plan, policy, &pass);
    plan_generations(policy, run, plan);
    tw_plan_add(plan, TW_PLAN_MERGE, options->merge ? policy->params.size * sizeof(float) : 0);
    plan_frozen(policy, run, &batch, plan);
    if (run->guidance && tw_plan_weights(plan, run->guidance->model, TW_USE_FROZEN) < 0)
        return -1;
    return tw_plan_check(plan, available, &advice);
}

int tw_policy_load(tw_model *policy, tw_guidance *guidance, uint64_t seed)
{
    if (guidance && tw_guidance_load(guidance, TW_USE_FROZEN) < 0)
        return -1;
    if (!policy->path) {
        tw_model_fill(policy, seed);
        return 0;
    }
    return tw_model_load(policy, use_of(policy), NULL);
}

size_t tw_policy_bytes(tw_model *policy, const tw_policy_options *options)
{
    const tw_params *params = options->merge ? &policy->params : tw_model_trained(policy);
    return params->size * sizeof(float);
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
    static const tw_plan_advice none;
    tw_plan plan = {0};
    if (tw_plan_weights(&plan, policy, TW_USE_FROZEN) < 0)
        return -1;
    tw_plan_add(&plan, TW_PLAN_MERGE, policy->params.size * sizeof(float));
    return tw_plan_check(&plan, tw_memory_available(), &none);
}

int tw_policy_merge(const char *folder, const char *output)
{
    tw_policy_options options = {.merge = true};
    tw_model *policy = tw_policy_describe(folder, &options, 0);
    int status = policy ? plan_merge(policy) : -1;
    if (status == 0)
        status = tw_model_load(policy, TW_USE_FROZEN, NULL);
    tw_folder *result = status == 0 ? tw_folder_open(output, TW_FOLDER_MODEL) : NULL;
    status = result ? tw_policy_save(policy, &options, tw_folder_path(result)) : -1;
    if (status == 0)
        status = tw_folder_commit(result);
    else
        tw_folder_discard(result);
    tw_model_free(policy);
    return status;
}
