#ifndef TW_TRAIN_PLAN_H
#define TW_TRAIN_PLAN_H

#include "guidance/guidance.h"
#include "model/use-plan.h"
#include "train/data.h"
#include "train/options.h"

/* What training takes (core/plan.h): the rows of its largest batch, and what is trained. */

/* Rows of a batch, and the tokens of its longest sequence. */
typedef struct tw_batch_size {
    tw_rows rows;
    size_t longest;
} tw_batch_size;

/* What an example or a group adds to a batch of `model` (train/forest.h, train/alignment.h). */

/* An example's prompt and completion, or, if that is more, `samples` of `drawn` tokens each instead
 * (0: none are drawn). targets_prompt: the prompt's own tokens are to be predicted too. */
typedef struct tw_example_use {
    size_t samples, drawn;
    bool targets_prompt;
} tw_example_use;
tw_batch_size tw_example_size(const tw_model *model, const tw_example *example,
                              const tw_example_use *use);

/* A group's prompt and its generations, the longest group_size of them (0: all). */
tw_batch_size tw_group_size(const tw_model *model, const tw_group *group, size_t group_size);

/* The most that any batch of a run over `count` >= 1 items holds of each kind of row: all batches
 * that tw_order deals out for this seed are looked at, but of a very long run, where it is the
 * largest items together. */
tw_batch_size tw_largest_batch(const tw_batch_size *items, size_t count,
                               const tw_train_options *train, uint64_t seed);

/* The same of batches that are cut from the items in their order, as validations do it. */
tw_batch_size tw_largest_in_order(const tw_batch_size *items, size_t count, size_t batch_size);

/* Adds what a described model takes in training with `use`: weights, gradients, an optimizer's
 * moments and, with keeps_best, a second copy of what is trained. */
int tw_plan_training(tw_plan *plan, const tw_model *model, tw_use use, bool keeps_best);

/* A run of learn-guidance, as far as its memory goes. */
typedef struct tw_alignment_run {
    const tw_guidance *guidance; /* described */
    const tw_group *groups, *held;
    size_t count, held_count; /* held_count 0: no validations */
    size_t group_size;
    const tw_train_options *train; /* batches, and how many */
    uint64_t seed;                 /* of tw_order */
} tw_alignment_run;

/* Adds all that it takes. -1: the weights cannot be read. */
int tw_plan_alignment(tw_plan *plan, const tw_alignment_run *run);

#endif
