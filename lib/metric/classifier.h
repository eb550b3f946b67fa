#ifndef TW_METRIC_CLASSIFIER_H
#define TW_METRIC_CLASSIFIER_H

#include "core/option.h"
#include "metric/measure.h"
#include "metric/verdict.h"
#include "model/use-plan.h"

/* A frozen language model as the judge of discrete prompts: how well each makes it label the
 * texts of an example stream (METHOD.md, Task B). */

/* As the command line has them. */
typedef struct tw_classifier_options {
    const char *model;       /* folder; NULL: no classifier */
    const char *template;    /* NULL: `{text} {prompt}`, for a masked LM with ` <mask> .` */
    const char *verbalizers; /* see verbalizers.h */
    const char *examples;    /* file */
    double fraction;         /* of the examples, for each record */
} tw_classifier_options;

#define TW_CLASSIFIER_DEFAULTS                                                                     \
    {                                                                                              \
        NULL, NULL, NULL, NULL, 1                                                                  \
    }

/* clang-format off */
/* See core/common.h. */
#define TW_CLASSIFIER_OPTIONS(classifier)                                                          \
    {"classifier", 0, TW_TEXT, &(classifier).model, "MODEL",                                       \
     "language model folder that labels the examples' texts", 0, 0, NULL, TW_OPTION_RUNTIME},      \
    {"template", 0, TW_TEXT, &(classifier).template, "T",                                          \
     "what the classifier reads, {text} and {prompt} put in, and <mask> where a masked one "        \
     "answers; without T: {text} {prompt}, then <mask> and a full stop for a masked one", 0, 0,    \
     NULL, 0},                                                                                     \
    {"verbalizers", 0, TW_TEXT, &(classifier).verbalizers, "LIST",                                 \
     "a token for each class, such as ' terrible, great' (a blank in front is part of it) or "     \
     "'bad= terrible,good= great'; or sst-2, yelp-2, mr, cr, sst-5, yelp-5, ag-news, subj", 0, 0,  \
     NULL, 0},                                                                                     \
    {"examples", 0, TW_TEXT, &(classifier).examples, "FILE",                                       \
     "labelled texts: a stream of {\"text\", \"label\"}, the label a class's name or number", 0,   \
     0, NULL, 0},                                                                                  \
    {"examples-fraction", 0, TW_REAL, &(classifier).fraction, "F",                                 \
     "judge each record's samples on a random share F of the examples", 0, 1, NULL,                \
     TW_OPTION_ABOVE_MIN}
/* clang-format on */

/* Usage: -1 when an option is missing or cannot be read. wanted: something asks for the
 * classifier's numbers; NULL, or its name for the message. */
int tw_classifier_check(const tw_classifier_options *options, const char *wanted);

/* The numbers of a judgement, and their names. */
enum { TW_CLASSIFIER_QUALITY, TW_CLASSIFIER_ACCURACY, TW_CLASSIFIER_GAP, TW_CLASSIFIER_NUMBERS };
extern const char *const tw_classifier_names[TW_CLASSIFIER_NUMBERS + 1]; /* NULL at the end */

typedef struct tw_classifier tw_classifier;

typedef struct tw_classifier_run {
    uint64_t seed;     /* of the shares of the examples */
    size_t batch_rows; /* rows of a forward pass */
    bool strict;       /* a text that is too long fails instead of losing its end */
} tw_classifier_run;

/* Opens the model and reads the examples. options are checked; their texts are borrowed. NULL
 * with a message. */
tw_classifier *tw_classifier_open(const tw_classifier_options *options,
                                  const tw_classifier_run *run);
void tw_classifier_free(tw_classifier *classifier); /* accepts NULL */

/* The same in steps: all but the weights, which cannot judge yet; what it takes as the share of a
 * plan; the weights. After a failure to load it is only to be freed. */
tw_classifier *tw_classifier_describe(const tw_classifier_options *options,
                                      const tw_classifier_run *run);
int tw_classifier_plan(const tw_classifier *classifier, tw_plan *plan);
int tw_classifier_load(tw_classifier *classifier);

/* Judges the samples of a record, or the completion of one without samples: numbers of text i
 * at values[i * stride], tw_panel_texts(record) of them. They depend on the text, on the
 * examples and, with a fraction, on (seed, record's key) only. -1 with a message that names the
 * record. One call at a time. */
int tw_classifier_judge(tw_classifier *classifier, const tw_record *record, double *values,
                        size_t stride);

/* Examples whose text was cut so far, and all of them. */
size_t tw_classifier_cut(const tw_classifier *classifier, size_t *examples);

/* Prompts so far under which texts of several labels were judged, and those of them under which
 * all texts got one class: where most are, the classifier does not read what it is to. */
typedef struct tw_classifier_answers {
    uint64_t prompts, constant;
} tw_classifier_answers;
tw_classifier_answers tw_classifier_answered(const tw_classifier *classifier);

/* Columns of the names above, a record's value the mean over its texts. Borrows. */
tw_measure *tw_classifier_measure(tw_classifier *classifier);

#endif
