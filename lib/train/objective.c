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
        for (size_t t = length; t-- > 1;)
            rewards[t - 1] += rewards[t];
    if (kind == TW_WEIGHT_UNIFORM)
        for (size_t t = 0; t < length; t++)
            rewards[t] = 1;
}

static void add_example(tw_learner *learner, const tw_example *example)
{
    tw_forest *forest = &learner->forest;
    size_t segment =
        tw_forest_prompt(forest, learner->policy, example->prompt.ids, example->prompt.count);
    tw_forest_completion(forest, segment, example->completion.ids, example->completion.count);
}

/* The rewards of everything in learner->guided go to weights[count]; returns their sum. */
static double rewards_of_guided(tw_learner *learner, float *weights, size_t count)
{
    if (count == 0)
        return 0;
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

/* The pass's loss, and what is reported of the targets from `first` on, which are the
 * completions' tokens. */
static double learn(tw_learner *learner, size_t first, size_t completions,
                    tw_objective_report *report)
{
    const tw_forest *forest = &learner->forest;
    report->tokens += forest->count - first;
    report->completions += completions;
    if (forest->count == 0)
        return 0;
    double loss = tw_forest_loss(&learner->forest, learner->policy, learner->tape);
    for (size_t i = first; i < forest->count; i++) {
        report->nll += (double)forest->nll[i];
        report->entropy += (double)forest->entropy[i];
    }
    report->rows += tw_batch_rows(&forest->batch);
    return loss;
}

double tw_mle_size(const tw_learner *learner, const tw_example *const *examples, size_t count)
{
    double size = 0;
    for (size_t i = 0; i < count; i++) {
        size_t rows = tw_model_prompt_rows(learner->policy, examples[i]->prompt.count);
        size += (double)examples[i]->completion.count + learner->prompt_weight * (double)(rows - 1);
    }
    return size;
}

double tw_mle(tw_learner *learner, const tw_example *const *examples, size_t count,
              double update_size, tw_objective_report *report)
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
    for (size_t i = 0; i < forest->count; i++)
        forest->nll_weight[i] = (float)((i < first ? learner->prompt_weight : 1) / update_size);
    return learn(learner, first, count, report);
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

/* The rewards of the examples' completions go to weights[count]; returns their sum. */
static double rewards_of_examples(tw_learner *learner, const tw_example *const *examples, size_t n,
                                  float *weights, size_t count)
{
    tw_batch_clear(&learner->guided);
    for (size_t i = 0; i < n; i++) {
        const tw_ids *prompt = &examples[i]->prompt, *completion = &examples[i]->completion;
        if (completion->count == 0)
            continue;
        size_t parent = tw_model_add_prompt(learner->guidance->model, &learner->guided, prompt->ids,
                                            prompt->count);
        tw_batch_add(&learner->guided, completion->ids, completion->count, (int64_t)parent);
    }
    return rewards_of_guided(learner, weights, count);
}

double tw_weighted_mle(tw_learner *learner, const tw_example *const *examples, size_t count,
                       size_t update_size, tw_objective_report *report)
{
    tw_forest *forest = &learner->forest;
    tw_forest_clear(forest);
    for (size_t i = 0; i < count; i++)
        if (examples[i]->completion.count > 0)
            add_example(learner, examples[i]);
    if (learner->token_weight != TW_WEIGHT_UNIFORM)
        report->reward +=
            rewards_of_examples(learner, examples, count, forest->nll_weight, forest->count);
    for (size_t i = 0, first = 0; i < count; first += examples[i++]->completion.count) {
        float *weights = forest->nll_weight + first;
        size_t length = examples[i]->completion.count;
        tw_token_weights(learner->token_weight, learner->reward_scale, weights, length);
        normalise(weights, length, update_size);
    }
    return learn(learner, 0, count, report);
}

typedef struct draws {
    tw_drawn *drawn;
    size_t next;
} draws;

static tw_request *next_draw(void *context)
{
    draws *draws = context;
    return draws->next < draws->drawn->count ? &draws->drawn->requests[draws->next++] : NULL;
}

static int draw_done(void *context, tw_request *request)
{
    draws *draws = context;
    for (size_t k = 0; k < request->count; k++)
        draws->drawn->tokens += request->samples[k].count;
    return 0;
}

int tw_draw_samples(const tw_learner *learner, const tw_example *const *examples, size_t count,
                    uint64_t seed, uint64_t update, tw_drawn *drawn)
{
    *drawn = (tw_drawn){.requests = tw_alloc(count, sizeof *drawn->requests), .count = count};
    for (size_t i = 0; i < count; i++) {
        const uint64_t place[2] = {examples[i]->key, i};
        drawn->requests[i] = (tw_request){.prompt = examples[i]->prompt.ids,
                                          .length = examples[i]->prompt.count,
                                          .key = tw_hash(place, sizeof place),
                                          .count = learner->samples};
    }
    tw_decode_options decode = learner->decode;
    decode.seed = tw_random(seed, TW_RNG_SAMPLE, update, 0, 0);
    draws draws = {.drawn = drawn};
    tw_decode_calls calls = {next_draw, draw_done, &draws};
    return tw_decode(learner->policy, &decode, &calls);
}

void tw_drawn_free(tw_drawn *drawn)
{
    for (size_t i = 0; i < drawn->count; i++)
        tw_request_clear(&drawn->requests[i]);
    free(drawn->requests);
    *drawn = (tw_drawn){0};
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

/* What the rewards of a request's samples, weights[], become; returns the end of them. */
static float *weigh_samples(const tw_learner *learner, const tw_request *request, float *weights)
{
    for (size_t k = 0; k < request->count; k++) {
        size_t length = request->samples[k].count;
        tw_token_weights(learner->token_weight, learner->reward_scale, weights, length);
        weights += length;
    }
    return weights;
}

double tw_reinforce(tw_learner *learner, const tw_drawn *drawn, size_t first, size_t count,
                    const tw_reinforce_options *options, tw_objective_report *report)
{
    tw_forest *forest = &learner->forest;
    const tw_request *requests = drawn->requests + first;
    tw_forest_clear(forest);
    tw_batch_clear(&learner->guided);
    for (size_t i = 0; i < count; i++)
        add_samples(learner, &requests[i]);
    report->reward += rewards_of_guided(learner, forest->nll_weight, forest->count);
    float *weights = forest->nll_weight;
    for (size_t i = 0; i < count; i++)
        weights = weigh_samples(learner, &requests[i], weights);
    for (size_t i = 0; i < forest->count; i++) {
        forest->nll_weight[i] *= (float)(options->pg_weight / (double)drawn->tokens);
        forest->entropy_weight[i] = (float)(-options->entropy_weight / (double)drawn->tokens);
    }
    return learn(learner, 0, count * learner->samples, report);
}

void tw_nll(tw_learner *learner, const tw_example *const *examples, size_t count, double *nll,
            uint64_t *tokens)
{
    tw_forest *forest = &learner->forest;
    tw_forest_clear(forest);
    for (size_t i = 0; i < count; i++)
        add_example(learner, examples[i]);
    if (forest->count == 0)
        return;
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
