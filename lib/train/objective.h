#ifndef TW_TRAIN_OBJECTIVE_H
#define TW_TRAIN_OBJECTIVE_H

#include <stddef.h>
#include <stdint.h>

#include "guidance/guidance.h"
#include "model/decode.h"
#include "model/model.h"
#include "train/data.h"
#include "train/forest.h"

/* The objectives of a language model (METHOD.md, "LM objectives"). Each call adds the
 * gradients of one batch to the model's and reports the loss. */

typedef enum tw_token_weight {
    TW_WEIGHT_REWARD,      /* r_t */
    TW_WEIGHT_EXP,         /* exp(scale r_t) */
    TW_WEIGHT_REWARD_TO_GO /* sum over t' >= t of r_t' */
} tw_token_weight;

/* What the rewards of a sequence become before they weigh tokens: weights[length], in
 * place of the rewards. */
void tw_token_weights(tw_token_weight kind, double scale, float *rewards, size_t length);

typedef struct tw_learner {
    tw_model *policy;            /* trainable */
    const tw_guidance *guidance; /* frozen; NULL for tw_mle */
    tw_tape *tape;               /* recording */
    tw_tape *frozen_tape;        /* not recording */
    tw_forest forest;
    tw_batch guided; /* what the guidance sees: whole completions */
    tw_token_weight token_weight;
    double reward_scale;      /* of TW_WEIGHT_EXP */
    double prompt_weight;     /* of a prompt's tokens in tw_mle, 0: not in the loss */
    tw_decode_options decode; /* of samples drawn during a step */
    size_t samples;           /* of each prompt, drawn during a step */
} tw_learner;

typedef struct tw_objective_report {
    double loss;
    double nll;     /* mean over the completions' tokens, nats */
    double entropy; /* the same */
    double reward;  /* mean over the generated tokens; 0 for tw_mle */
    double length;  /* mean, tokens of a completion */
    uint64_t rows;  /* computed with gradients */
} tw_objective_report;

/* Ordinary supervised fine-tuning: mean nll over the tokens of the completions, with
 * prompt_weight times the prompts' (each token counts by its weight in the mean). */
tw_objective_report tw_mle(tw_learner *learner, const tw_example *const *examples, size_t count);

/* Reward-weighted MLE: mean over examples of sum_t w_t nll_t, w_t = weight_t / sum of the
 * example's weights; no gradient through w. */
tw_objective_report tw_weighted_mle(tw_learner *learner, const tw_example *const *examples,
                                    size_t count);

/* REINFORCE with maximum entropy, on samples drawn now: pg_weight times the mean over
 * generated tokens of weight_t nll_t, less entropy_weight times their mean entropy, both of
 * the untruncated softmax. pass keys the draws. */
typedef struct tw_reinforce_options {
    double pg_weight, entropy_weight;
    uint64_t seed, pass;
} tw_reinforce_options;
int tw_reinforce(tw_learner *learner, const tw_example *const *examples, size_t count,
                 const tw_reinforce_options *options, tw_objective_report *report);

/* Mean nll of the completions' tokens, no gradients: sums into *nll and *tokens. */
void tw_nll(tw_learner *learner, const tw_example *const *examples, size_t count, double *nll,
            uint64_t *tokens);

void tw_learner_free(tw_learner *learner); /* tapes and batches only */

#endif
