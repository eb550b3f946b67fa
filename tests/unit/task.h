#ifndef TW_TESTS_TASK_H
#define TW_TESTS_TASK_H

#include <jansson.h>

#include "model/model.h"

/* What an oracle recorded of a model's losses: {"sequences": [{"tokens"}], "tree": {"prompt",
 * "children"}}, as batches with targets; and the losses of ours. Failures end the test. */

/* A list of ids; the caller frees. */
int32_t *tokens_of(const json_t *list, size_t *count);

/* A batch and the rows of it that have a target. */
typedef struct task {
    tw_batch batch;
    uint32_t *rows;
    int32_t *targets;
    float *nll_weight, *entropy_weight, *nll, *entropy; /* [count], zero at first */
    size_t count;
} task;

/* One more target; and when all are there, the other arrays. */
void add_target(task *task, size_t row, int32_t target);
void allocate_outputs(task *task);

/* All recorded sequences as segments of one batch. */
task sequences_task(const json_t *recorded);

/* A prompt and its children: the first token of each child is the prompt's last
 * row's target, once for every child. */
task tree_task(const json_t *recorded);

/* The same where sequences have a "source" for an encoder, and "tokens" are targets all; the
 * tree's children have its "source". */
task source_sequences_task(const tw_model *model, const json_t *recorded);
task source_tree_task(const tw_model *model, const json_t *recorded);

/* The first `count` sequences (SIZE_MAX: all) of a masked language model, which have targets at
 * some "rows". */
task masked_sequences_task(const json_t *recorded, size_t count);
void free_task(task *task);

/* Weights that make the loss the mean of the nll. */
void weigh_evenly(task *task);

/* Loss of a task as training computes it, gradients into the parameters. */
double run_task(const tw_model *model, task *task);

/* Against the lists of numbers that entries have under `key`, one after the other (NULL: that
 * the entries are), which must be `count` in all. */
void check_entries(const json_t *entries, const char *key, const float *found, size_t count,
                   double tolerance, const char *what);

/* Against expected->loss, and an object of check_some's by parameter, all that are trained. */
void check_loss(const json_t *expected, double found, double tolerance);
void check_gradients(const tw_model *model, const json_t *gradients, double tolerance);

/* The same of the weights after steps of Adam, but for the biases of keys (of GPT-2, which has
 * them in one with others: all three). They move all scores of a row alike, so that their gradient
 * is rounding, which Adam's first steps blow up to the learning rate. */
void check_weights(const tw_model *model, const json_t *weights, double tolerance);

#endif
