#include <stdlib.h>

#include "core/error.h"
#include "core/memory.h"
#include "metric/classifier.h"
#include "metric/panel.h"

typedef struct classifier_measure {
    tw_measure base;
    tw_column columns[TW_CLASSIFIER_NUMBERS];
    tw_classifier *classifier;
} classifier_measure;

/* The means over a record's texts, into row[TW_CLASSIFIER_NUMBERS]. */
static int measure_record(const classifier_measure *measure, const tw_record *record, double *row)
{
    const size_t texts = tw_panel_texts(record);
    double *values = tw_alloc(texts * TW_CLASSIFIER_NUMBERS, sizeof *values);
    const int status =
        tw_classifier_judge(measure->classifier, record, values, TW_CLASSIFIER_NUMBERS);
    for (int n = 0; status == 0 && n < TW_CLASSIFIER_NUMBERS; n++) {
        double sum = 0;
        for (size_t i = 0; i < texts; i++)
            sum += values[i * TW_CLASSIFIER_NUMBERS + (size_t)n];
        row[n] = sum / (double)texts;
    }
    free(values);
    return status;
}

static int run(tw_measure *base, tw_block *block, const tw_findings *findings)
{
    const classifier_measure *measure = (const classifier_measure *)base;
    for (size_t i = 0; i < block->count; i++)
        if (!findings->errors[i] && measure_record(measure, &block->records[i],
                                                   findings->values + i * findings->stride) != 0)
            findings->errors[i] = tw_strdup(tw_error());
    return 0;
}

static void free_measure(tw_measure *base)
{
    free(base);
}

tw_measure *tw_classifier_measure(tw_classifier *classifier)
{
    classifier_measure *measure = tw_alloc(1, sizeof *measure);
    measure->base = (tw_measure){measure->columns, TW_CLASSIFIER_NUMBERS, run, free_measure};
    for (int n = 0; n < TW_CLASSIFIER_NUMBERS; n++)
        measure->columns[n].name = tw_classifier_names[n];
    measure->classifier = classifier;
    return &measure->base;
}
