#include "model/use-plan.h"

#include <omp.h>
#include <stdint.h>

/* What BLAS packs matrices into, about, and a thread's stack: once for all models. */
enum { THREAD_BYTES = 4 << 20 };

static bool has_scratch(const tw_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->shares[i].bytes[TW_PLAN_SCRATCH] > 0)
            return true;
    return false;
}

/* Of each thread. */
static void add_scratch(tw_plan *plan, size_t bytes)
{
    const size_t common = has_scratch(plan) ? 0 : THREAD_BYTES;
    tw_plan_add(plan, TW_PLAN_SCRATCH, (size_t)omp_get_max_threads() * (common + bytes));
}

int tw_plan_weights(tw_plan *plan, const tw_model *model, tw_use use)
{
    tw_footprint footprint;
    if (tw_model_footprint(model, use, &footprint) < 0)
        return -1;
    tw_plan_add(plan, TW_PLAN_MAPPED, footprint.mapped);
    tw_plan_add(plan, TW_PLAN_WEIGHTS, footprint.values);
    tw_plan_add(plan, TW_PLAN_ADAPTER, footprint.adapter);
    tw_plan_add(plan, TW_PLAN_GRADIENTS, footprint.gradients);
    return 0;
}

void tw_plan_pass(tw_plan *plan, const tw_model *model, const tw_plan_pass_size *size)
{
    const size_t logits = size->logits ? tw_model_logit_bytes(model) : 0;
    const tw_pass_kind kind = {size->recording, size->per_target, logits, size->recompute};
    tw_plan_add(plan, TW_PLAN_ACTIVATIONS,
                tw_model_activation_bytes(model, &size->rows, kind) - logits);
    tw_plan_add(plan, TW_PLAN_LOGITS, logits);
    add_scratch(plan, tw_model_scratch_bytes(size->longest, size->recording));
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

void tw_plan_stream(tw_plan *plan, const tw_model *model, size_t batch_rows, size_t per_target,
                    bool logits)
{
    const size_t longest = smaller(batch_rows, model->config.max_positions);
    const tw_rows texts = {.text = batch_rows, .targets = batch_rows};
    const tw_rows prompts = {.source = batch_rows};
    const tw_pass_kind frozen = {.per_target = per_target};
    tw_plan_pass_size size = {
        .rows = texts, .per_target = per_target, .longest = longest, .logits = logits};
    if (tw_has_encoder(&model->config) && tw_model_activation_bytes(model, &prompts, frozen) >
                                              tw_model_activation_bytes(model, &texts, frozen))
        size.rows = prompts;
    tw_plan_pass(plan, model, &size);
}

/* Tokens under way: of prompts, of all, and how many prompts they may be of. */
typedef struct load {
    size_t prompts, tokens, jobs;
} load;

static load load_of(const tw_plan_decode_size *size)
{
    const size_t prompt = smaller(size->prompt, size->batch_tokens);
    const size_t written = size->strands * size->new_tokens, one = prompt + written;
    load load = {.tokens = larger(size->batch_tokens, one)};
    if (size->requests < load.tokens / one)
        load.tokens = size->requests * one;
    /* As many of the longest prompts as there is room for. */
    load.prompts = (size_t)((double)load.tokens * ((double)prompt / (double)one)) + 1;
    load.jobs = smaller(load.tokens / (1 + written) + 1, size->requests);
    return load;
}

void tw_plan_decode(tw_plan *plan, const tw_model *model, const tw_plan_decode_size *size)
{
    const bool apart = tw_has_encoder(&model->config);
    const load load = load_of(size);
    const size_t strands = load.jobs * size->strands, each = tw_model_cache_bytes(model);
    const tw_rows first = {.text = apart ? load.jobs : load.prompts,
                           .source = apart ? load.prompts : 0,
                           .targets = load.jobs};
    const tw_rows next = {.text = strands, .targets = strands};
    tw_plan_add(plan, TW_PLAN_ACTIVATIONS,
                larger(tw_model_activation_bytes(model, &first, (tw_pass_kind){0}),
                       tw_model_activation_bytes(model, &next, (tw_pass_kind){0})));
    tw_plan_add(plan, TW_PLAN_LOGITS, tw_model_logit_bytes(model));
    tw_plan_add(
        plan, TW_PLAN_CACHE,
        (apart ? load.tokens - smaller(load.prompts, load.tokens) + load.jobs : load.tokens) *
            each);
    tw_plan_add(plan, TW_PLAN_CROSS, apart ? load.prompts * each : 0);
    /* Beside products and scores: logits, chances and their order (sampler.h), or what beams are
     * chosen from. */
    const size_t longest = smaller(size->prompt, size->batch_tokens) + size->new_tokens;
    add_scratch(plan, tw_model_scratch_bytes(longest, false) +
                          4 * model->config.vocab_size * sizeof(float));
}
