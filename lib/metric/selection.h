#ifndef TW_METRIC_SELECTION_H
#define TW_METRIC_SELECTION_H

#include <stdbool.h>
#include <stddef.h>

#include "metric/judge.h"

/* The columns that `score` reports, by name: text metrics (judge.h) and those of measures by
 * models (model_measure.h). */

enum { TW_SELECTION_MAX = TW_METRICS + 8 };

typedef struct tw_selection {
    const char *names[TW_SELECTION_MAX]; /* [count], of columns, in the order to report */
    size_t count;
    tw_metric text[TW_METRICS]; /* [text_count]: those that are text metrics */
    int text_count;
} tw_selection;

/* Reads "meteor,nll", each name once; bleu and chrf bring corpusBleu and corpusChrf, unless
 * these are named too. NULL: meteor and the ROUGEs, then nll and perplexity with a model,
 * pairwise, kendall, ndcg and reward with a guidance. -1 on a name that is unknown, repeated or
 * needs a model or guidance that is not there. */
int tw_select(const char *list, bool model, bool guidance, tw_selection *selection);

#endif
