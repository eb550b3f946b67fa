#ifndef TW_MODEL_USE_PLAN_H
#define TW_MODEL_USE_PLAN_H

#include "core/plan.h"
#include "model/footprint.h"

/* Plans (core/plan.h) of a described model's use: each adds to the last share of a plan. */

/* Its weights, and the gradients of those that are trained. Reads the headers of the weight files;
 * fails as opening them does. */
int tw_plan_weights(tw_plan *plan, const tw_model *model, tw_use use);

/* A forward pass, or with `recording` also a backward one. */
typedef struct tw_plan_pass_size {
    tw_rows rows;
    size_t per_target; /* tw_pass_kind */
    size_t longest;    /* tokens of a sequence */
    bool logits;       /* of the vocabulary are computed of the targets */
    bool recording, recompute;
} tw_plan_pass_size;

void tw_plan_pass(tw_plan *plan, const tw_model *model, const tw_plan_pass_size *size);

/* A pass over a stream's texts, up to batch_rows tokens at a time (a text may exceed that alone,
 * and a plan): the most it can take, whatever prompts and completions share. */
void tw_plan_stream(tw_plan *plan, const tw_model *model, size_t batch_rows, size_t per_target,
                    bool logits);

/* Decoding (decode.h). */
typedef struct tw_plan_decode_size {
    size_t batch_tokens;
    size_t prompt;     /* tokens of the longest; in a stream, the limit */
    size_t strands;    /* samples, or beams, of a prompt */
    size_t new_tokens; /* of a sample */
    size_t requests;   /* that there are; SIZE_MAX: not known */
} tw_plan_decode_size;

void tw_plan_decode(tw_plan *plan, const tw_model *model, const tw_plan_decode_size *size);

#endif
