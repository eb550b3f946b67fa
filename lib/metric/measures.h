#ifndef TW_METRIC_MEASURES_H
#define TW_METRIC_MEASURES_H

#include "metric/classifier.h"
#include "metric/model_measure.h"
#include "metric/selection.h"

/* All that one run of `score` measures: the measures side by side, and the columns of theirs
 * that are reported. */

typedef struct tw_measures_options {
    const tw_selection *selection;           /* NULL: no text metrics, and nothing is reported */
    bool stem;                               /* see tw_text_measure */
    bool optional;                           /* the same */
    const char *model, *guidance;            /* folders; NULL: none */
    const tw_text_options *text;             /* how models read the records */
    const tw_classifier_options *classifier; /* without a model: none */
    uint64_t seed;                           /* of the classifier's examples */
    const tw_bertscore_options *bertscore;   /* without a model: none */
    size_t batch_rows;
} tw_measures_options;

/* A model, and what became of the records on their way to its tokens. */
typedef struct tw_measuring_model {
    const char *path; /* borrowed */
    char *digest;     /* tw_model_digest_line, once loaded */
    tw_encoded encoded;
} tw_measuring_model;

typedef struct tw_measures {
    size_t stride;                              /* columns measured */
    const tw_column *columns[TW_SELECTION_MAX]; /* [shown]: those reported ... */
    size_t places[TW_SELECTION_MAX];            /* ... and where in a row they are */
    size_t shown;
    tw_measuring_model models[4]; /* [model_count], the classifier and BERTScore's last */
    int model_count;
    tw_model *model;           /* NULL: none */
    tw_guidance *guidance;     /* NULL: none */
    tw_classifier *classifier; /* NULL: none */
    tw_bertscore *bertscore;   /* NULL: none */
    tw_measure *measures[5];   /* [count], their columns beside each other in this order */
    size_t count;
    size_t batch_rows; /* of the options */
} tw_measures;

/* Opens all but the models' weights: nothing can be measured yet. NULL on failure. */
tw_measures *tw_measures_open(const tw_measures_options *options);

/* Adds to a plan what the models will take, each as a share. */
int tw_measures_plan(const tw_measures *measures, tw_plan *plan);

/* Takes the weights and the models' digests. After a failure measures are only to be freed. */
int tw_measures_load(tw_measures *measures);

/* See tw_measure; findings has `stride` columns. */
int tw_measures_run(tw_measures *measures, tw_block *block, const tw_findings *findings);

/* The figures of all rows, values and weights [rows, stride], into shown[measures->shown]: for
 * each reported column its bootstrap mean, or its figure. */
void tw_measures_sum_up(const tw_measures *measures, const double *values, const double *weights,
                        size_t rows, uint64_t seed, tw_interval *shown);

void tw_measures_free(tw_measures *measures); /* accepts NULL */

#endif
