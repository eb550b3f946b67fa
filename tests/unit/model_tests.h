#ifndef TW_TESTS_MODEL_TESTS_H
#define TW_TESTS_MODEL_TESTS_H

#include <jansson.h>

#include "task.h"

/* What holds of every architecture: tests on a recorded model (recorded_models.h), against
 * {"sequences": [{"tokens", "logits", "nll"}], "mean": {"loss", "gradients"}, "tree": the same with
 * "nll", "greedy": [{"prompt", "tokens"}], "adamw": {"learning_rate", "weight_decay", "weights"}}.
 * Where an encoder reads them, "source" is there too, and stands for "prompt". */

/* Relative to the root mean square of the values compared; a group's setup sets them. */
typedef struct tolerances {
    double value, gradient, weight;
} tolerances;
extern tolerances within;

/* Logits of the last row of each sequence. */
void computes_logits(void **state);
/* nll of every token, the mean loss and its gradients, then a step of AdamW. */
void trains_on_the_mean(void **state);
/* One computation of a prompt, or source, serves its children, backward too. */
void shares_a_prompt(void **state);
/* All prompts at once: keys and values come from the cache. */
void continues_greedily(void **state);
/* What was saved is what was opened, in one file, and opens to the same: from the map, where
 * matrices may stay bf16, and as fp32. */
void saves_what_it_opened(void **state);

/* The parts of the above: */

/* Row `row` of a batch, its logits by their definition. The weights must be there as fp32. */
void check_logits(const tw_model *model, const tw_batch *batch, size_t row, const json_t *expected);

/* The mean nll of a task: loss and gradients as expected->loss and ->gradients, nll as the lists
 * of `entries` (check_entries). */
void check_mean(const tw_model *model, task *task, const json_t *expected, const json_t *entries,
                const char *key);

/* From the gradients that are there. */
void check_step(tw_model *model, const json_t *adamw);

/* Saves to the folder of the test, and opens that; the caller frees. */
tw_model *saved_again(const tw_model *model);

#endif
