#ifndef TW_METRIC_JUDGE_H
#define TW_METRIC_JUDGE_H

#include <stdbool.h>
#include <stddef.h>

#include "metric/bleu.h"
#include "metric/chrf.h"
#include "metric/expression.h"
#include "metric/wordnet.h"

/* The text metrics by name, as the programs offer them. */

typedef enum tw_metric {
    TW_METEOR,
    TW_ROUGE1,
    TW_ROUGE2,
    TW_ROUGEL,
    TW_ROUGELSUM,
    TW_BLEU, /* of the sentence */
    TW_CHRF,
    TW_LENGTH,     /* words, as `wc -w` counts them */
    TW_DISTINCT1,  /* distinct words as a share of all, x 100 */
    TW_DISTINCT2,  /* the same of pairs */
    TW_REPETITION, /* 4-grams that occurred before as a share of all, x 100 */
    TW_METRICS
} tw_metric;

/* A set of metrics: bit m stands for metric m. */
#define TW_METRIC_BIT(m) (1U << (m))
#define TW_COMPARING_METRICS (TW_METRIC_BIT(TW_LENGTH) - 1) /* those that need a reference */

/* "meteor", "rouge1", "rouge2", "rougeL", "rougeLsum", "bleu", "chrf",
 * "length", "distinct1", "distinct2", "repetition", in the order of the enum. */
extern const char *const tw_metric_names[TW_METRICS];

/* Reads "meteor,rouge1": the metrics in the order given, each once, into
 * list[TW_METRICS]. Returns how many, -1 on an unknown or repeated name (the
 * message lists the known ones). */
int tw_metric_list(const char *text, tw_metric list[TW_METRICS]);

/* The set of those that an expression uses, whose first names are tw_metric_names; NULL: none. */
unsigned tw_metrics_used(const tw_expression *expression);

/* What computes a set of metrics for one text after another; one a thread. */
typedef struct tw_judge tw_judge;

/* stem: for ROUGE. wordnet: for METEOR, borrowed; NULL does without synonyms. */
tw_judge *tw_judge_new(unsigned metrics, bool stem, const tw_wordnet *wordnet);
void tw_judge_free(tw_judge *judge); /* accepts NULL */

/* Begins a group of texts with their reference, text[length]; NULL when no
 * metric of the set compares. */
void tw_judge_reference(tw_judge *judge, const char *text, size_t length);

/* values[m] for every metric m of the set (the others are left alone): those
 * with a share or an F1 on the scale 0..100, length in words. -1 where a text is
 * too long for a metric. */
int tw_judge_text(tw_judge *judge, const char *text, size_t length, double values[TW_METRICS]);

/* What the figures of a corpus are made of. */
enum {
    TW_COUNTS_BLEU = 0,
    TW_COUNTS_CHRF = TW_BLEU_COUNTS,
    TW_COUNTS = TW_BLEU_COUNTS + TW_CHRF_COUNTS
};

/* counts[TW_COUNTS]: those of bleu.h and chrf.h, summed over the texts since
 * tw_judge_reference; 0 where the metric is not of the set. Borrowed. */
const double *tw_judge_counts(const tw_judge *judge);

#endif
