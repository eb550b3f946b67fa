#ifndef TW_METRIC_WRITTEN_H
#define TW_METRIC_WRITTEN_H

#include <stddef.h>

#include "metric/expression.h"
#include "model/model.h"
#include "train/data.h"

/* How good what a model writes is: an expression over the text metrics of its greedy
 * generations, against the completions (METHOD.md, "LM objectives": a validation by
 * rouge1+2*rouge2+rougeLsum). ROUGE stems, as published figures do. */

typedef struct tw_written tw_written;

/* expression: over tw_metric_names, kept; free()d with the rest, or by a failure (NULL:
 * WordNet, which METEOR wants, is not there). */
tw_written *tw_written_open(tw_expression *expression);
void tw_written_free(tw_written *written); /* accepts NULL */

/* *mean: over examples[count], count >= 1, all with a text; generations are of at most new_tokens,
 * batch_tokens of them and their prompts under way at a time. -1 on failure, a value that is not
 * finite included. */
int tw_written_mean(tw_written *written, const tw_model *model, const tw_example *examples,
                    size_t count, size_t new_tokens, size_t batch_tokens, double *mean);

#endif
