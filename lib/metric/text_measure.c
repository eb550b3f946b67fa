#include <stdlib.h>

#include "core/error.h"
#include "core/memory.h"
#include "metric/measure.h"
#include "metric/panel.h"

typedef struct text_measure {
    tw_measure base;
    tw_column columns[TW_METRICS];
    tw_metric list[TW_METRICS];
    tw_panel *panel;
    bool optional;
} text_measure;

/* The means over a record's texts into row[count]. */
static int measure_record(const text_measure *measure, const tw_record *record, double *row)
{
    const size_t texts = tw_panel_texts(record);
    double *values = tw_alloc(texts * TW_METRICS, sizeof *values);
    const int status = tw_panel_judge(measure->panel, record, values, TW_METRICS);
    for (size_t c = 0; c < measure->base.count; c++) {
        double sum = 0;
        for (size_t i = 0; i < texts; i++)
            sum += values[i * TW_METRICS + measure->list[c]];
        row[c] = sum / (double)texts;
    }
    free(values);
    return status;
}

/* Whether a record has no values: there is nothing to compare, and need not be. */
static bool passed_over(const text_measure *measure, const tw_record *record, double *weights)
{
    if (!measure->optional || (record->samples && record->completion))
        return false;
    for (size_t c = 0; c < measure->base.count; c++)
        weights[c] = 0;
    return true;
}

static int run(tw_measure *base, tw_block *block, const tw_findings *findings)
{
    const text_measure *measure = (const text_measure *)base;
#pragma omp parallel for schedule(dynamic, 4)
    for (size_t i = 0; i < block->count; i++) {
        const tw_record *record = &block->records[i];
        const size_t row = i * findings->stride;
        if (!findings->errors[i] && !passed_over(measure, record, findings->weights + row) &&
            measure_record(measure, record, findings->values + row) != 0)
            findings->errors[i] = tw_strdup(tw_error());
    }
    return 0;
}

static void free_measure(tw_measure *base)
{
    text_measure *measure = (text_measure *)base;
    tw_panel_free(measure->panel);
    free(measure);
}

tw_measure *tw_text_measure(const tw_metric *list, int count, bool stem,
                            const char *completion_field, bool optional)
{
    unsigned metrics = 0;
    text_measure *measure = tw_alloc(1, sizeof *measure);
    for (int i = 0; i < count; i++) {
        measure->list[i] = list[i];
        measure->columns[i].name = tw_metric_names[list[i]];
        metrics |= TW_METRIC_BIT(list[i]);
    }
    measure->base = (tw_measure){measure->columns, (size_t)count, run, free_measure};
    measure->optional = optional;
    measure->panel = tw_panel_new(metrics, stem, completion_field);
    if (measure->panel)
        return &measure->base;
    free(measure);
    return NULL;
}
