#include "metric/measures.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "model/masked-lm.h"

static int add(tw_measures *measures, tw_measure *measure)
{
    if (!measure)
        return -1;
    measures->measures[measures->count++] = measure;
    measures->stride += measure->count;
    return 0;
}

/* How a model is to read the records. */
static tw_sequence_options reading(tw_measures *measures, const tw_measures_options *options,
                                   const char *path, const tw_model *model)
{
    tw_measuring_model *reader = &measures->models[measures->model_count++];
    reader->path = path;
    return (tw_sequence_options){tw_encoding_of(model, options->text),
                                 options->text->completion_field, options->batch_rows,
                                 &reader->encoded};
}

static int add_model(tw_measures *measures, const tw_measures_options *options)
{
    if (!(measures->model = tw_model_describe(options->model, NULL, NULL)) ||
        tw_model_check_causal(measures->model) != 0)
        return -1;
    const tw_sequence_options sequences =
        reading(measures, options, options->model, measures->model);
    if (add(measures, tw_likelihood_measure(measures->model, &sequences)) != 0)
        return tw_fail_in("%s", options->model);
    return 0;
}

static int add_guidance(tw_measures *measures, const tw_measures_options *options)
{
    if (!(measures->guidance = tw_guidance_describe(options->guidance)))
        return -1;
    const tw_sequence_options sequences =
        reading(measures, options, options->guidance, measures->guidance->model);
    if (add(measures, tw_guidance_measure(measures->guidance, &sequences)) != 0)
        return tw_fail_in("%s", options->guidance);
    return 0;
}

static int add_classifier(tw_measures *measures, const tw_measures_options *options)
{
    const tw_classifier_run run = {options->seed, options->batch_rows, options->text->strict};
    if (!(measures->classifier = tw_classifier_describe(options->classifier, &run)))
        return -1;
    measures->models[measures->model_count++].path = options->classifier->model;
    return add(measures, tw_classifier_measure(measures->classifier));
}

static int add_bertscore(tw_measures *measures, const tw_measures_options *options)
{
    tw_bertscore_options bertscore = *options->bertscore;
    bertscore.completion_field = options->text->completion_field;
    bertscore.batch_rows = options->batch_rows;
    if (!(measures->bertscore = tw_bertscore_describe(&bertscore)))
        return -1;
    measures->models[measures->model_count++].path = bertscore.model;
    return add(measures, tw_bertscore_measure(measures->bertscore, options->optional));
}

/* The model before the guidance, which may add `tokens` to samples. */
static int add_all(tw_measures *measures, const tw_measures_options *options)
{
    const tw_selection *selection = options->selection;
    if (selection && selection->text_count > 0 &&
        add(measures, tw_text_measure(selection->text, selection->text_count, options->stem,
                                      options->text->completion_field, options->optional)) != 0)
        return -1;
    if (options->model && add_model(measures, options) != 0)
        return -1;
    if (options->guidance && add_guidance(measures, options) != 0)
        return -1;
    if (options->classifier && options->classifier->model && add_classifier(measures, options) != 0)
        return -1;
    if (options->bertscore && options->bertscore->model && add_bertscore(measures, options) != 0)
        return -1;
    return 0;
}

/* Finds the selected columns among the measured. */
static void choose_columns(tw_measures *measures, const tw_selection *selection)
{
    size_t place = 0;
    for (size_t m = 0; m < measures->count; m++)
        for (size_t i = 0; i < measures->measures[m]->count; i++, place++)
            for (size_t c = 0; c < selection->count; c++)
                if (strcmp(measures->measures[m]->columns[i].name, selection->names[c]) == 0) {
                    measures->columns[c] = &measures->measures[m]->columns[i];
                    measures->places[c] = place;
                }
    measures->shown = selection->count;
}

tw_measures *tw_measures_open(const tw_measures_options *options)
{
    tw_measures *measures = tw_alloc(1, sizeof *measures);
    measures->batch_rows = options->batch_rows;
    if (add_all(measures, options) != 0) {
        tw_measures_free(measures);
        return NULL;
    }
    if (options->selection)
        choose_columns(measures, options->selection);
    return measures;
}

int tw_measures_plan(const tw_measures *measures, tw_plan *plan)
{
    const tw_guidance *guidance = measures->guidance;
    const size_t rows = measures->batch_rows;
    if (measures->model) {
        tw_plan_begin(plan, "model");
        tw_plan_stream(plan, measures->model, rows, 0, true);
        if (tw_plan_weights(plan, measures->model, TW_USE_FROZEN) != 0)
            return -1;
    }
    if (guidance) {
        tw_plan_begin(plan, "guidance");
        tw_plan_stream(plan, guidance->model, rows, tw_guidance_target_bytes(guidance), false);
        if (tw_plan_weights(plan, guidance->model, TW_USE_FROZEN) != 0)
            return -1;
    }
    if (measures->classifier && tw_classifier_plan(measures->classifier, plan) != 0)
        return -1;
    return measures->bertscore ? tw_bertscore_plan(measures->bertscore, plan) : 0;
}

int tw_measures_load(tw_measures *measures)
{
    if ((measures->model && tw_model_load(measures->model, TW_USE_FROZEN, NULL) != 0) ||
        (measures->guidance && tw_guidance_load(measures->guidance, TW_USE_FROZEN) != 0) ||
        (measures->classifier && tw_classifier_load(measures->classifier) != 0) ||
        (measures->bertscore && tw_bertscore_load(measures->bertscore) != 0))
        return -1;
    for (int i = 0; i < measures->model_count; i++)
        if (!(measures->models[i].digest = tw_model_digest_line(measures->models[i].path)))
            return -1;
    return 0;
}

int tw_measures_run(tw_measures *measures, tw_block *block, const tw_findings *findings)
{
    tw_findings at = *findings;
    for (size_t m = 0; m < measures->count; m++) {
        tw_measure *measure = measures->measures[m];
        if (measure->run(measure, block, &at) != 0)
            return -1;
        at.values += measure->count;
        at.weights += measure->count;
    }
    return 0;
}

void tw_measures_sum_up(const tw_measures *measures, const double *values, const double *weights,
                        size_t rows, uint64_t seed, tw_interval *shown)
{
    const size_t stride = measures->stride;
    tw_interval *intervals = tw_alloc(stride, sizeof *intervals);
    tw_bootstrap(values, weights, rows, stride, seed, intervals);
    for (size_t c = 0; c < measures->shown; c++) {
        const tw_column *column = measures->columns[c];
        const size_t place = measures->places[c];
        shown[c] = column->figure ? tw_bootstrap_figure(values, weights, rows, stride, place + 1,
                                                        column->parts, seed, column->figure)
                                  : intervals[place];
    }
    free(intervals);
}

void tw_measures_free(tw_measures *measures)
{
    if (!measures)
        return;
    for (size_t m = 0; m < measures->count; m++)
        measures->measures[m]->free(measures->measures[m]);
    for (int i = 0; i < measures->model_count; i++)
        free(measures->models[i].digest);
    tw_model_free(measures->model);
    tw_guidance_free(measures->guidance);
    tw_classifier_free(measures->classifier);
    tw_bertscore_free(measures->bertscore);
    free(measures);
}
