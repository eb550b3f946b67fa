#include "train/objective.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/rng.h"
#include "tensor/vector.h"

void tw_token_weights(tw_token_weight kind, double scale, float *rewards, size_t length)
{
    if (kind == TW_WEIGHT_EXP)
        for (size_t t = 0; t < length; t++)
            rewards[t] = expf((float)scale * rewards[t]);
    if (kind == TW_WEIGHT_REWARD_TO_GO)
        for (size_t t = length - 1; t-- > 0;)
            rewards[t] += rewards[t + 1];
}

static void add_example(tw_forest *forest, const tw_example *example)
{
    size_t segment = tw_forest_prompt(forest, example->prompt.ids, example->prompt.count);
    tw_forest_completion(forest, segment, example->completion.ids, example->completion.count);
}

/* Means over the targets first .. count, which are the completions' tokens. */
static void average(const tw_forest *forest, size_t first, tw_objective_report *report)
{
    size_t n = forest->count - first;
    double nll = 0, entropy = 0;
    for (size_t i = first; i < forest->count; i++) {
        nll += (double)forest->nll[i];
        entropy += (double)forest->entropy[i];
    }
    report->nll = n ? nll / (double)n : 0;
    report->entropy = n ? entropy / (double)n : 0;
    report->rows = forest->batch.rows;
}

tw_objective_report tw_mle(tw_learner *learner, const tw_example *const *examples, size_t count)
{
    tw_forest *forest = &learner->forest;
    tw_forest_clear(forest);
    for (size_t i = 0; learner->prompt_weight > 0 && i < count; i++)
        tw_forest_prompt_targets(
            forest, tw_forest_prompt(forest, examples[i]->prompt.ids, examples[i]->prompt.count));
    size_t first = forest->count;
    for (size_t i = 0; i < count; i++) {
        /* the prompt's segment is there already when its tokens are targets too */
        size_t segment = i;
        if (learner->prompt_weight <= 0)
            segment = tw_forest_prompt(forest, examples[i]->prompt.ids, examples[i]->prompt.count);
        tw_forest_completion(forest, segment, examples[i]->completion.ids,
                             examples[i]->completion.count);
    }
    double total = (double)first * learner->prompt_weight + (double)(forest->count - first);
    for (size_t i = 0; i < forest->count; i++)
        forest->nll_weight[i] = (float)((i < first ? learner->prompt_weight : 1) / total);
    tw_objective_report report = {.length = (double)(forest->count - first) / (double)count};
    report.loss = tw_forest_loss(forest, learner->policy, learner->tape);
    average(forest, first, &report);
    return report;
}

/* Rewards of an example's completion, [completion.count]. */
static void example_rewards(tw_learner *learner, const tw_example *example, float *rewards)
{
    tw_guided completion = {example->completion.ids, example->completion.count};
    tw_guidance_of(learner->guidance, learner->frozen_tape, example->prompt.ids,
                   example->prompt.count, &completion, 1, rewards);
}

tw_objective_report tw_weighted_mle(tw_learner *learner, const tw_example *const *examples,
                                    size_t count)
{
    tw_forest *forest = &learner->forest;
    double reward = 0;
    tw_forest_clear(forest);
    for (size_t i = 0; i < count; i++) {
        size_t first = forest->count, length = examples[i]->completion.count;
        add_example(forest, examples[i]);
        float *weights = forest->nll_weight + first;
        example_rewards(learner, examples[i], weights);
        reward += (double)tw_row_sum(weights, length);
        tw_token_weights(learner->token_weight, learner->reward_scale, weights, length);
        double sum = 0;
        for (size_t t = 0; t < length; t++)
            sum += (double)weights[t];
        /* a reward of zero everywhere says nothing: equal weights */
        for (size_t t = 0; t < length; t++)
            weights[t] =
                (float)((sum > 0 ? weights[t] / sum : 1.0 / (double)length) / (double)count);
    }
    tw_objective_report report = {.reward = reward / (double)forest->count,
                                  .length = (double)forest->count / (double)count};
    report.loss = tw_forest_loss(forest, learner->policy, learner->tape);
    average(forest, 0, &report);
    return report;
}

typedef struct draws {
    tw_request *requests;
    size_t count, next;
} draws;

static tw_request *next_draw(void *context)
{
    draws *draws = context;
    return draws->next < draws->count ? &draws->requests[draws->next++] : NULL;
}

static int draw_done(void *context, tw_request *request)
{
    (void)context, (void)request;
    return 0;
}

/* Adds a prompt and its samples to the forest; nll_weight holds their rewards after. */
static void add_samples(tw_learner *learner, const tw_request *request, double *reward)
{
    tw_forest *forest = &learner->forest;
    size_t segment = tw_forest_prompt(forest, request->prompt, request->length);
    size_t first = forest->count, at = 0;
    tw_guided *guided = tw_alloc(request->count, sizeof *guided);
    for (size_t k = 0; k < request->count; k++) {
        const tw_sample *sample = &request->samples[k];
        tw_forest_completion(forest, segment, sample->tokens, sample->count);
        guided[k] = (tw_guided){sample->tokens, sample->count};
    }
    float *weights = forest->nll_weight + first;
    tw_guidance_of(learner->guidance, learner->frozen_tape, request->prompt, request->length,
                   guided, request->count, weights);
    for (size_t i = first; i < forest->count; i++)
        *reward += (double)forest->nll_weight[i];
    for (size_t k = 0; k < request->count; at += request->samples[k++].count)
        tw_token_weights(learner->token_weight, learner->reward_scale, weights + at,
                         request->samples[k].count);
    free(guided);
}

int tw_reinforce(tw_learner *learner, const tw_example *const *examples, size_t count,
                 const tw_reinforce_options *options, tw_objective_report *report)
{
    draws draws = {.requests = tw_alloc(count, sizeof *draws.requests), .count = count};
    for (size_t i = 0; i < count; i++)
        draws.requests[i] = (tw_request){.prompt = examples[i]->prompt.ids,
                                         .length = examples[i]->prompt.count,
                                         .key = examples[i]->key,
                                         .count = learner->samples};
    tw_decode_options decode = learner->decode;
    decode.seed = tw_random(options->seed, TW_RNG_SAMPLE, options->pass, 0, 0);
    int status =
        tw_decode(learner->policy, &decode, &(tw_decode_calls){next_draw, draw_done, &draws});
    tw_forest *forest = &learner->forest;
    double reward = 0;
    tw_forest_clear(forest);
    for (size_t i = 0; status == 0 && i < count; i++)
        add_samples(learner, &draws.requests[i], &reward);
    for (size_t i = 0; i < forest->count; i++) {
        forest->nll_weight[i] *= (float)(options->pg_weight / (double)forest->count);
        forest->entropy_weight[i] = (float)(-options->entropy_weight / (double)forest->count);
    }
    if (status == 0) {
        *report = (tw_objective_report){.reward = reward / (double)forest->count,
                                        .length = (double)forest->count /
                                                  (double)(count * learner->samples)};
        report->loss = tw_forest_loss(forest, learner->policy, learner->tape);
        average(forest, 0, report);
    }
    for (size_t i = 0; i < count; i++)
        tw_request_clear(&draws.requests[i]);
    free(draws.requests);
    return status;
}

void tw_nll(tw_learner *learner, const tw_example *const *examples, size_t count, double *nll,
            uint64_t *tokens)
{
    tw_forest *forest = &learner->forest;
    tw_forest_clear(forest);
    for (size_t i = 0; i < count; i++)
        add_example(forest, examples[i]);
    tw_forest_loss(forest, learner->policy, learner->frozen_tape);
    for (size_t i = 0; i < forest->count; i++)
        *nll += (double)forest->nll[i];
    *tokens += forest->count;
}

void tw_learner_free(tw_learner *learner)
{
    tw_tape_free(learner->tape);
    tw_tape_free(learner->frozen_tape);
    tw_forest_free(&learner->forest);
}
