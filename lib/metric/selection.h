#ifndef TW_METRIC_SELECTION_H
#define TW_METRIC_SELECTION_H

#include <stdbool.h>
#include <stddef.h>

#include "metric/bertscore.h"
#include "metric/classifier.h"
#include "metric/judge.h"

/* The columns that `score` reports, by name: text metrics (judge.h) and those of measures by
 * models (model_measure.h). */

enum { TW_SELECTION_MAX = TW_METRICS + 8 + TW_CLASSIFIER_NUMBERS + TW_BERTSCORE_NUMBERS };

typedef struct tw_selection {
    const char *names[TW_SELECTION_MAX]; /* [count], of columns, in the order to report */
    size_t count;
    tw_metric text[TW_METRICS]; /* [text_count]: those that are text metrics */
    int text_count;
} tw_selection;

/* What there is to select from. */
typedef struct tw_selection_judges {
    bool model, guidance, classifier, bertscore;
} tw_selection_judges;

/* Reads "meteor,nll", each name once; bleu and chrf bring corpusBleu and corpusChrf, unless
 * these are named too. NULL: meteor and the ROUGEs, then nll and perplexity with a model,
 * pairwise, kendall, ndcg and reward with a guidance, the classifier's three (classifier.h), and
 * BERTScore's (bertscore.h). -1 on a name that is unknown, repeated or needs a judge that is not
 * there. */
int tw_select(const char *list, const tw_selection_judges *judges, tw_selection *selection);

/* The first of names (NULL at the end) that was selected; NULL for none. */
const char *tw_selection_any(const tw_selection *selection, const char *const *names);

#endif
