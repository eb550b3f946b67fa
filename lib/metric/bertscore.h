#ifndef TW_METRIC_BERTSCORE_H
#define TW_METRIC_BERTSCORE_H

#include "core/option.h"
#include "metric/measure.h"
#include "model/use-plan.h"

/* BERTScore (Zhang et al. 2020) by a masked LM, as bert_score 0.3.13 computes it without idf and
 * without rescaling: texts are stripped of blanks at their ends, encoded with a blank in front and
 * between the model's special tokens, and cut to its context; tokens are compared by their
 * states after some layer (greedy_match.h). The special tokens can be matched but count for
 * nothing themselves; with an empty text all is 0. bert_score takes, of texts that it computes
 * together, padding for a token of cosine 0; here, as in bert_score with a batch of one, nothing
 * but the text counts. */
typedef struct tw_bertscore tw_bertscore;

/* The numbers of a comparison, -100..100, and their names: "bertscore", "bertscoreP",
 * "bertscoreR". */
enum { TW_BERTSCORE_F1, TW_BERTSCORE_PRECISION, TW_BERTSCORE_RECALL, TW_BERTSCORE_NUMBERS };
extern const char *const tw_bertscore_names[TW_BERTSCORE_NUMBERS + 1]; /* NULL at the end */

typedef struct tw_bertscore_options {
    /* As the command line has them. */
    const char *model; /* folder of a masked LM; NULL: no BERTScore */
    int64_t layer; /* 0 (the embeddings) up; TW_BERTSCORE_USUAL: bert_score's for RoBERTa's sizes
                      (5 of 6 layers, 10 of 12, 17 of 24), else the last */
    /* As the program has them. */
    const char *completion_field; /* where references are, borrowed; NULL: "completion" */
    size_t batch_rows;            /* tokens of a forward pass, exceeded by a longer pair only */
} tw_bertscore_options;

#define TW_BERTSCORE_USUAL INT64_MIN
#define TW_BERTSCORE_DEFAULTS                                                                      \
    {                                                                                              \
        .layer = TW_BERTSCORE_USUAL                                                                \
    }

/* clang-format off */
/* See core/common.h. */
#define TW_BERTSCORE_OPTIONS(bertscore)                                                            \
    {"bertscore-model", 0, TW_TEXT, &(bertscore).model, "MODEL",                                   \
     "masked language model folder (RoBERTa) that compares samples with references", 0, 0, NULL,   \
     TW_OPTION_RUNTIME},                                                                           \
    {"bertscore-layer", 0, TW_INT, &(bertscore).layer, "N",                                        \
     "compare the states after N layers; without it 5 of 6, 10 of 12, 17 of 24, else the last",    \
     0, 1e6, NULL, 0}
/* clang-format on */

/* Usage: -1 when an option is missing. wanted: something asks for the numbers; NULL, or their name
 * for the message. */
int tw_bertscore_check(const tw_bertscore_options *options, const char *wanted);

/* Opens the model. NULL, with a message, when that fails, it is not a masked LM, or it has no such
 * layer. */
tw_bertscore *tw_bertscore_open(const tw_bertscore_options *options);
void tw_bertscore_free(tw_bertscore *scorer); /* accepts NULL */

/* The same in steps: all but the weights, which cannot compare yet; what it takes as the share of a
 * plan; the weights. After a failure to load it is only to be freed. */
tw_bertscore *tw_bertscore_describe(const tw_bertscore_options *options);
int tw_bertscore_plan(const tw_bertscore *scorer, tw_plan *plan);
int tw_bertscore_load(tw_bertscore *scorer);

/* Begins a group of candidates, with their reference: 0; adds a candidate to the group: the number
 * of those before it since the last run. -1 with a message when the text cannot be encoded. */
int tw_bertscore_reference(tw_bertscore *scorer, const char *text, size_t length);
int64_t tw_bertscore_candidate(tw_bertscore *scorer, const char *text, size_t length);

/* Compares all candidates added since the last run, many in one forward pass, each reference
 * computed once for its candidates in a pass. values[candidates, TW_BERTSCORE_NUMBERS], in their
 * order, borrowed until the next run. What a pair is given depends on it alone, not on
 * what is beside it, on batch_rows or threads. */
const double *tw_bertscore_run(tw_bertscore *scorer);

/* Texts that were cut to the context so far; the field of the references. */
uint64_t tw_bertscore_cut(const tw_bertscore *scorer);
const char *tw_bertscore_field(const tw_bertscore *scorer);

/* The samples of a block's records against their completions, of those whose values[i] is not
 * NULL and whose errors[i] is: the numbers of sample k of record i at values[i] + k * stride. A
 * record that lacks one or the other, or whose numbers are not finite, gets its message in
 * errors[i] (tw_record_fail, tw_strdup). */
void tw_bertscore_block(tw_bertscore *scorer, const tw_block *block, double *const *values,
                        size_t stride, char **errors);

/* Columns of the names above, a record's value the mean over its samples. Borrows. optional:
 * see tw_text_measure. */
tw_measure *tw_bertscore_measure(tw_bertscore *scorer, bool optional);

#endif
