#ifndef TW_TRAIN_OBJECTIVE_H
#define TW_TRAIN_OBJECTIVE_H

#include <stddef.h>
#include <stdint.h>

#include "guidance/guidance.h"
#include "model/decode.h"
#include "model/model.h"
#include "train/data.h"
#include "train/forest.h"

/* The objectives of a language model (METHOD.md, "LM objectives"). The loss of an update is a mean
 * over all of its records or tokens, however it is split into passes: each call below computes one
 * pass, is given the whole update's size, returns the pass's share of that loss and adds its
 * gradients to the policy's. */

typedef enum tw_token_weight {
    TW_WEIGHT_REWARD,       /* r_t */
    TW_WEIGHT_EXP,          /* exp(scale r_t) */
    TW_WEIGHT_REWARD_TO_GO, /* sum over t' >= t of r_t' */
    TW_WEIGHT_UNIFORM       /* 1, whatever the rewards */
} tw_token_weight;

/* What the rewards of a sequence become before they weigh tokens: weights[length], in
 * place of the rewards. */
void tw_token_weights(tw_token_weight kind, double scale, float *rewards, size_t length);

typedef struct tw_learner {
    tw_model *policy;            /* trainable */
    const tw_guidance *guidance; /* frozen; NULL for tw_mle and TW_WEIGHT_UNIFORM */
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

/* Sums over the passes of an update so far; objectives add to them. */
typedef struct tw_objective_report {
    double nll, entropy;  /* of the completions' tokens, nats */
    double reward;        /* of the same; 0 for tw_mle */
    uint64_t tokens;      /* of the completions */
    uint64_t completions; /* given or drawn */
    uint64_t rows;        /* computed with gradients */
} tw_objective_report;

/* Sum of the weights of the tokens that tw_mle learns from: 1 for each of the completions',
 * prompt_weight for the prompts'. */
double tw_mle_size(const tw_learner *learner, const tw_example *const *examples, size_t count);

/* Ordinary supervised fine-tuning: mean nll over the tokens of the update's completions, with
 * prompt_weight times the prompts' (each token counts by its weight in the mean). update_size:
 * tw_mle_size of all examples of the update. */
double tw_mle(tw_learner *learner, const tw_example *const *examples, size_t count,
              double update_size, tw_objective_report *report);

/* Reward-weighted MLE: mean over the update's examples, update_size of them, of sum_t w_t nll_t,
 * w_t = weight_t / sum of the example's weights; no gradient through w. With TW_WEIGHT_UNIFORM no
 * reward is computed. An example without tokens adds nothing. */
double tw_weighted_mle(tw_learner *learner, const tw_example *const *examples, size_t count,
                       size_t update_size, tw_objective_report *report);

/* Samples of an update's prompts. */
typedef struct tw_drawn {
    tw_request *requests; /* [count], one an example */
    size_t count;
    uint64_t tokens; /* of all samples */
} tw_drawn;

/* Draws for all examples of update number `update`. What is drawn is a function of seed, update,
 * the example's key and its place in the update: neither a record that stands there twice nor two
 * of one id share their samples, and passes of any size have the same ones. 0, or -1. */
int tw_draw_samples(const tw_learner *learner, const tw_example *const *examples, size_t count,
                    uint64_t seed, uint64_t update, tw_drawn *drawn);
void tw_drawn_free(tw_drawn *drawn); /* leaves it empty */

/* REINFORCE with maximum entropy, on the samples of count requests from `first` on: pg_weight
 * times the mean over the update's generated tokens of weight_t nll_t, less entropy_weight times
 * their mean entropy, both of the untruncated softmax. */
typedef struct tw_reinforce_options {
    double pg_weight, entropy_weight;
} tw_reinforce_options;
double tw_reinforce(tw_learner *learner, const tw_drawn *drawn, size_t first, size_t count,
                    const tw_reinforce_options *options, tw_objective_report *report);

/* nll of the completions' tokens, no gradients: sums into *nll and *tokens. */
void tw_nll(tw_learner *learner, const tw_example *const *examples, size_t count, double *nll,
            uint64_t *tokens);

void tw_learner_free(tw_learner *learner); /* tapes and batches only */

#endif
