#ifndef TW_METRIC_MODEL_MEASURE_H
#define TW_METRIC_MODEL_MEASURE_H

#include "guidance/guidance.h"
#include "metric/sequences.h"

/* What models say of the samples of a record, or of the completion of one without samples.
 * What a record is given depends on it alone, not on its block, on batch_rows or on threads.
 * Model, guidance and options->encoded are borrowed; options are copied. */

/* Columns `nll` (mean over the record's tokens, nats) and `perplexity` (its exp), weighted by
 * the number of tokens, so that their means are those over all tokens. Adds `logprobs`
 * (natural logarithms, one a token) to each sample, or to the record for its completion. */
tw_measure *tw_likelihood_measure(const tw_model *model, const tw_sequence_options *options);

/* Columns `pairwise` (of the pairs of samples with different `score`, the share, 0..1, that the
 * aggregated rewards put in the same order, ties half; weighted by their number), `kendall` and
 * `ndcg` of these samples (ranking.h), and `reward` (mean over the record's tokens, weighted by
 * their number). A record without such pairs has no value of the first three. Adds `rewards` (one a
 * token) to each sample, and `tokens` to one that was read from its text; or `rewards` to the
 * record for its completion. */
tw_measure *tw_guidance_measure(const tw_guidance *guidance, const tw_sequence_options *options);

#endif
