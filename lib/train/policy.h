#ifndef TW_TRAIN_POLICY_H
#define TW_TRAIN_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/option.h"
#include "model/model.h"
#include "train/data.h"
#include "train/plan.h"

/* A policy in training: all of a model, or an adapter to it (model/lora.h). */

typedef struct tw_policy_options {
    const char *lora;    /* "RANK[:ALPHA]"; NULL: none is begun */
    const char *targets; /* "q_proj,v_proj"; NULL: the default ones */
    bool merge;          /* the result is the whole model */
} tw_policy_options;

/* clang-format off */
#define TW_POLICY_OPTIONS(o)                                                                       \
    {NULL, 0, TW_HEADING, NULL, NULL, "Adapters (LoRA)", 0, 0, NULL, 0},                           \
    {"lora", 0, TW_TEXT, &(o).lora, "RANK[:ALPHA]",                                                \
     "train only an addition of this rank to some layers, times ALPHA / RANK; ALPHA is twice "     \
     "RANK if not given", 0, 0, NULL, 0},                                                          \
    {"lora-targets", 0, TW_TEXT, &(o).targets, "LIST",                                             \
     "layers that get one, by the ends of their names, with commas between; all-linear for all; "  \
     "by default those of PEFT: c_attn (GPT-2), q_proj,v_proj (Llama and relatives), q,v (T5)", 0, \
     0, NULL, 0},                                                                                  \
    {"merge", 0, TW_FLAG, &(o).merge, NULL,                                                        \
     "write the whole model, the adapter merged into it; without FILE nothing is trained", 0, 0,   \
     NULL, 0}
/* clang-format on */

/* What the option table cannot say. */
int tw_policy_check(const tw_policy_options *options);

/* Opens a model's or adapter's folder for training, but for its weights: a fresh adapter is put
 * on a model, an adapter goes on being trained. NULL on failure. */
tw_model *tw_policy_describe(const char *folder, const tw_policy_options *options, uint64_t seed);

/* A run of training, as far as its memory goes. */
typedef struct tw_policy_run {
    const tw_data *data, *valid;   /* valid NULL or empty: no validations */
    tw_example_use use;            /* drawn 0: no samples are */
    const tw_train_options *train; /* batches, and how many */
    uint64_t seed;                 /* of tw_order */
    size_t batch_tokens;           /* of generations under way */
    size_t written;                /* tokens of one for each validation record, 0: none */
    const tw_guidance *guidance;   /* NULL: none */
} tw_policy_run;

/* Plans a described policy's training, with the guidance that it uses, into an empty plan: what
 * will be taken. Fails, with advice, when that exceeds `available` bytes. */
int tw_policy_plan(const tw_model *policy, const tw_policy_options *options,
                   const tw_policy_run *run, size_t available, tw_plan *plan);

/* Takes the weights: only what is trained has gradients, guidance (NULL: none) is frozen. Those of
 * a model from scratch (tw_model_draft) are initial ones, by the seed. */
int tw_policy_load(tw_model *policy, tw_guidance *guidance, uint64_t seed);

/* Bytes that the weights of the result will take. */
size_t tw_policy_bytes(tw_model *policy, const tw_policy_options *options);

/* Writes the result into an existing folder. With options->merge the policy is an ordinary model
 * afterwards. */
int tw_policy_save(tw_model *policy, const tw_policy_options *options, const char *folder);

/* No training: merges the adapter in a folder into its base, and writes that to `output`. */
int tw_policy_merge(const char *folder, const char *output);

#endif
