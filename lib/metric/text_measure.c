#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "metric/measure.h"
#include "metric/panel.h"

enum { COLUMNS = TW_METRICS + 2 + TW_COUNTS };

/* A metric whose counts make a figure of the corpus. */
typedef struct corpus {
    tw_metric metric;
    const char *name;
    tw_figure *figure;
    size_t first, count; /* of tw_judge_counts */
} corpus;

static const corpus corpora[] = {
    {TW_BLEU, "corpusBleu", tw_bleu_corpus, TW_COUNTS_BLEU, TW_BLEU_COUNTS},
    {TW_CHRF, "corpusChrf", tw_chrf, TW_COUNTS_CHRF, TW_CHRF_COUNTS}};

static const corpus *corpus_of(tw_metric metric)
{
    for (size_t i = 0; i < sizeof corpora / sizeof *corpora; i++)
        if (corpora[i].metric == metric)
            return &corpora[i];
    return NULL;
}

typedef struct text_measure {
    tw_measure base;
    tw_column columns[COLUMNS];
    tw_metric list[TW_METRICS];
    int listed;
    tw_panel *panel;
    bool optional;
} text_measure;

/* The means over a record's texts, and the parts of the corpora, into row[count]. */
static int measure_record(const text_measure *measure, const tw_record *record, double *row,
                          double *weights)
{
    const size_t texts = tw_panel_texts(record);
    double *values = tw_alloc(texts * TW_METRICS, sizeof *values);
    const int status = tw_panel_judge(measure->panel, record, values, TW_METRICS);
    for (int m = 0, c = 0; status == 0 && m < measure->listed; m++) {
        const corpus *corpus = corpus_of(measure->list[m]);
        double sum = 0;
        for (size_t i = 0; i < texts; i++)
            sum += values[i * TW_METRICS + measure->list[m]];
        row[c++] = sum / (double)texts;
        if (corpus) {
            weights[c++] = 0; /* no record has a value */
            memcpy(row + c, tw_panel_counts(measure->panel) + corpus->first,
                   corpus->count * sizeof *row);
            c += (int)corpus->count;
        }
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
            measure_record(measure, record, findings->values + row, findings->weights + row) != 0)
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

static void add_metric(text_measure *measure, tw_metric metric)
{
    const corpus *corpus = corpus_of(metric);
    tw_column *columns = measure->columns;
    measure->list[measure->listed++] = metric;
    columns[measure->base.count++].name = tw_metric_names[metric];
    if (!corpus)
        return;
    columns[measure->base.count++] =
        (tw_column){.name = corpus->name, .figure = corpus->figure, .parts = corpus->count};
    for (size_t i = 0; i < corpus->count; i++)
        columns[measure->base.count++].name = "";
}

tw_measure *tw_text_measure(const tw_metric *list, int count, bool stem,
                            const char *completion_field, bool optional)
{
    unsigned metrics = 0;
    text_measure *measure = tw_alloc(1, sizeof *measure);
    measure->base = (tw_measure){measure->columns, 0, run, free_measure};
    for (int i = 0; i < count; i++) {
        add_metric(measure, list[i]);
        metrics |= TW_METRIC_BIT(list[i]);
    }
    measure->optional = optional;
    measure->panel = tw_panel_new(metrics, stem, completion_field);
    if (measure->panel)
        return &measure->base;
    free(measure);
    return NULL;
}
