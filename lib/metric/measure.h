#ifndef TW_METRIC_MEASURE_H
#define TW_METRIC_MEASURE_H

#include <stdbool.h>

#include "metric/bootstrap.h"
#include "metric/judge.h"
#include "stream/block.h"

/* What `score` measures: a measure looks at blocks of records and gives each
 * record one value a column. The text metrics are one measure; a model's
 * likelihoods and a guidance's order are others. */

typedef struct tw_column {
    const char *name;  /* "": a part of another column, not to be reported */
    bool exponential;  /* reported as exp of its mean and bounds (a perplexity) */
    tw_figure *figure; /* NULL, or: a figure of the whole corpus, no record having a value, made
                          of the sums of the `parts` columns that follow it */
    size_t parts;
} tw_column;

/* Where a measure puts what it finds; row i belongs to records[i]. */
typedef struct tw_findings {
    double *values;  /* [records, stride] */
    double *weights; /* [records, stride], 1 to begin with; 0: the record has no such value */
    size_t stride;
    char **errors; /* [records], NULL to begin with; the message of a bad record, from
                      tw_record_fail and tw_strdup: it is then left out */
} tw_findings;

typedef struct tw_measure tw_measure;
struct tw_measure {
    const tw_column *columns;
    size_t count;
    /* Measures block->records into columns 0 .. count - 1 of the findings (which
     * point at this measure's first column), leaving out those with an error. May
     * add fields to the records. -1 where nothing can go on. */
    int (*run)(tw_measure *measure, tw_block *block, const tw_findings *findings);
    void (*free)(tw_measure *measure);
};

/* The metrics list[count] of judge.h: a record's value is the mean over its
 * samples. After bleu comes a column corpusBleu, after chrf a corpusChrf, with all
 * samples of all records as its sentences, and the parts of these. A record that lacks what a
 * comparing metric needs is bad, or, when those are optional, has no values. NULL on failure. */
tw_measure *tw_text_measure(const tw_metric *list, int count, bool stem,
                            const char *completion_field, bool optional);

#endif
