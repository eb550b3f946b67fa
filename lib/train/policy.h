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

/* What training it will hold beside its parameters. */
typedef struct tw_policy_needs {
    size_t rows;     /* with gradients, in a batch */
    size_t cached;   /* tokens in the cache while samples are drawn; 0: none are */
    bool keeps_best; /* a second copy of what is trained */
} tw_policy_needs;

/* Plans a described policy's training: *plan says what will be taken. Fails when that exceeds
 * `available` bytes. */
int tw_policy_plan(const tw_model *policy, const tw_policy_options *options,
                   const tw_policy_needs *needs, size_t available, tw_plan *plan);

/* The rows of the largest batch of that many examples, nearly: the longest ones together. Each is
 * its prompt and its completion, or `drawn` tokens in place of that if they are more. */
size_t tw_policy_rows(const tw_data *data, size_t batch_size, size_t drawn);

/* Takes the weights: only what is trained has gradients. */
int tw_policy_load(tw_model *policy);

/* Writes the result into an existing folder. With options->merge the policy is an ordinary model
 * afterwards. */
int tw_policy_save(tw_model *policy, const tw_policy_options *options, const char *folder);

/* No training: merges the adapter in a folder into its base, and writes that to `output`. */
int tw_policy_merge(const char *folder, const char *output);

#endif
