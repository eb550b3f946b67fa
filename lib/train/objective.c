#include "train/objective.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/rng.h"
#include "model/prompt.h"
#include "tensor/kernels/functions.h"

void tw_token_weights(tw_token_weight kind, double scale, float *rewards, size_t length)
{
    if (kind == TW_WEIGHT_EXP)
        for (size_t t = 0; t < length; t++)
            rewards[t] = tw_expf((float)scale * rewards[t]);
    if (kind == TW_WEIGHT_REWARD_TO_GO)
        for (size_t t = length - 1; t-- > 0;)
            rewards[t] += rewards[t + 1];
}

static void add_example(tw_learner *learner, const tw_example *example)
{
    tw_forest *forest = &learner->forest;
    size_t segment =
        tw_forest_prompt(forest, learner->policy, example->prompt.ids, example->prompt.count);
    tw_forest_completion(forest, segment, example->completion.ids, example->completion.count);
}

/* The rewards of everything in learner->guided go to weights; returns their sum. */
static double rewards_of_guided(tw_learner *learner, float *weights, size_t count)
{
    tw_tensor *rewards =
        tw_guidance_rewards(learner->guidance, learner->frozen_tape, &learner->guided);
    assert(rewards->rows == count);
    memcpy(weights, rewards->x, count * sizeof *weights);
    tw_tape_reset(learner->frozen_tape);
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)weights[i];
    return sum;
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
    report->rows = tw_batch_rows(&forest->batch);
}

tw_objective_report tw_mle(tw_learner *learner, const tw_example *const *examples, size_t count)
{
    tw_forest *forest = &learner->forest;
    tw_forest_clear(forest);
    for (size_t i = 0; learner->prompt_weight > 0 && i < count; i++)
        tw_forest_prompt_targets(forest,
                                 tw_forest_prompt(forest, learner->policy, examples[i]->prompt.ids,
                                                  examples[i]->prompt.count));
    size_t first = forest->count;
    for (size_t i = 0; i < count; i++) {
        /* the prompt's segment is there already when its tokens are targets too */
        size_t segment = i;
        if (learner->prompt_weight <= 0)
            segment = tw_forest_prompt(forest, learner->policy, examples[i]->prompt.ids,
                                       examples[i]->prompt.count);
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

/* weights[length] become w_t / count: their sum over an example is 1 / count. A reward of
 * zero everywhere says nothing: equal weights. */
static void normalise(float *weights, size_t length, size_t count)
{
    double sum = 0;
    for (size_t t = 0; t < length; t++)
        sum += (double)weights[t];
    for (size_t t = 0; t < length; t++)
        weights[t] =
            (float)((sum > 0 ? (double)weights[t] / sum : 1.0 / (double)length) / (double)count);
}

tw_objective_report tw_weighted_mle(tw_learner *learner, const tw_example *const *examples,
                                    size_t count)
{
    tw_forest *forest = &learner->forest;
    tw_forest_clear(forest);
    tw_batch_clear(&learner->guided);
    for (size_t i = 0; i < count; i++) {
        const tw_ids *prompt = &examples[i]->prompt, *completion = &examples[i]->completion;
        add_example(learner, examples[i]);
        size_t parent = tw_model_add_prompt(learner->guidance->model, &learner->guided, prompt->ids,
                                            prompt->count);
        tw_batch_add(&learner->guided, completion->ids, completion->count, (int64_t)parent);
    }
    double reward = rewards_of_guided(learner, forest->nll_weight, forest->count);
    for (size_t i = 0, first = 0; i < count; first += examples[i++]->completion.count) {
        float *weights = forest->nll_weight + first;
        size_t length = examples[i]->completion.count;
        tw_token_weights(learner->token_weight, learner->reward_scale, weights, length);
        normalise(weights, length, count);
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

/* Adds a prompt and its samples to the forest and to what the guidance sees. */
static void add_samples(tw_learner *learner, const tw_request *request)
{
    size_t segment =
        tw_forest_prompt(&learner->forest, learner->policy, request->prompt, request->length);
    size_t parent = tw_model_add_prompt(learner->guidance->model, &learner->guided, request->prompt,
                                        request->length);
    for (size_t k = 0; k < request->count; k++) {
        const tw_sample *sample = &request->samples[k];
        tw_forest_completion(&learner->forest, segment, sample->tokens, sample->count);
        tw_batch_add(&learner->guided, sample->tokens, sample->count, (int64_t)parent);
    }
}

static tw_objective_report learn_from_samples(tw_learner *learner, const draws *draws,
                                              const tw_reinforce_options *options)
{
    tw_forest *forest = &learner->forest;
    tw_forest_clear(forest);
    tw_batch_clear(&learner->guided);
    for (size_t i = 0; i < draws->count; i++)
        add_samples(learner, &draws->requests[i]);
    size_t total = forest->count, sequences = draws->count * learner->samples;
    double reward = rewards_of_guided(learner, forest->nll_weight, total);
    float *weights = forest->nll_weight;
    for (size_t i = 0; i < sequences; i++) {
        size_t length = draws->requests[i / learner->samples].samples[i % learner->samples].count;
        tw_token_weights(learner->token_weight, learner->reward_scale, weights, length);
        weights += length;
    }
    for (size_t i = 0; i < total; i++) {
        forest->nll_weight[i] *= (float)(options->pg_weight / (double)total);
        forest->entropy_weight[i] = (float)(-options->entropy_weight / (double)total);
    }
    tw_objective_report report = {.reward = reward / (double)total,
                                  .length = (double)total / (double)sequences};
    report.loss = tw_forest_loss(forest, learner->policy, learner->tape);
    average(forest, 0, &report);
    return report;
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
    tw_decode_calls calls = {next_draw, draw_done, &draws};
    int status = tw_decode(learner->policy, &decode, &calls);
    if (status == 0)
        *report = learn_from_samples(learner, &draws, options);
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
        add_example(learner, examples[i]);
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
    tw_batch_free(&learner->guided);
}
