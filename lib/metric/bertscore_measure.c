#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "metric/bertscore.h"

/* Queues the samples of a record; *first is the number of its first candidate. */
static int add_record(tw_bertscore *scorer, const tw_record *record, size_t *first)
{
    const char *field = tw_bertscore_field(scorer), *name = tw_bertscore_names[0];
    const size_t count = json_array_size(record->samples);
    if (!record->completion)
        return tw_record_fail(record, "%s: expected a string for %s to compare with, got nothing",
                              field, name);
    if (count == 0)
        return tw_record_fail(record, "samples: expected at least one for %s to compare, got %s",
                              name, record->samples ? "an empty array" : "nothing");
    if (tw_bertscore_reference(scorer, record->completion, strlen(record->completion)) != 0)
        return tw_record_fail(record, "%s: %s", field, tw_error());
    for (size_t k = 0; k < count; k++) {
        const json_t *text = json_object_get(json_array_get(record->samples, k), "text");
        if (!json_is_string(text))
            return tw_record_fail(record, "samples[%zu].text: expected a string, got nothing", k);
        const int64_t number =
            tw_bertscore_candidate(scorer, json_string_value(text), json_string_length(text));
        if (number < 0)
            return tw_record_fail(record, "samples[%zu]: %s", k, tw_error());
        if (k == 0)
            *first = (size_t)number;
    }
    return 0;
}

/* Copies the numbers found for a record's samples to values, `stride` apart. */
static int take(const tw_record *record, const double *found, double *values, size_t stride)
{
    for (size_t k = 0; k < json_array_size(record->samples); k++, found += TW_BERTSCORE_NUMBERS)
        for (size_t n = 0; n < TW_BERTSCORE_NUMBERS; n++) {
            if (!isfinite(found[n]))
                return tw_record_fail(record,
                                      "samples[%zu]: %s is %g: the model's numbers overflow", k,
                                      tw_bertscore_names[n], found[n]);
            values[k * stride + n] = found[n];
        }
    return 0;
}

void tw_bertscore_block(tw_bertscore *scorer, const tw_block *block, double *const *values,
                        size_t stride, char **errors)
{
    size_t first[TW_BLOCK_RECORDS] = {0};
    for (size_t i = 0; i < block->count; i++)
        if (values[i] && !errors[i] && add_record(scorer, &block->records[i], &first[i]) != 0)
            errors[i] = tw_strdup(tw_error());
    const double *found = tw_bertscore_run(scorer);
    for (size_t i = 0; i < block->count; i++)
        if (values[i] && !errors[i] &&
            take(&block->records[i], found + first[i] * TW_BERTSCORE_NUMBERS, values[i], stride) !=
                0)
            errors[i] = tw_strdup(tw_error());
}

typedef struct bertscore_measure {
    tw_measure base;
    tw_column columns[TW_BERTSCORE_NUMBERS];
    tw_bertscore *scorer;
    bool optional;
} bertscore_measure;

/* The mean over the samples of a record. */
static void average(const double *values, size_t count, double *row)
{
    for (size_t n = 0; n < TW_BERTSCORE_NUMBERS; n++) {
        double sum = 0;
        for (size_t k = 0; k < count; k++)
            sum += values[k * TW_BERTSCORE_NUMBERS + n];
        row[n] = sum / (double)count;
    }
}

static int run(tw_measure *base, tw_block *block, const tw_findings *findings)
{
    const bertscore_measure *measure = (const bertscore_measure *)base;
    double *values[TW_BLOCK_RECORDS] = {NULL};
    for (size_t i = 0; i < block->count; i++) {
        const tw_record *record = &block->records[i];
        double *weights = findings->weights + i * findings->stride;
        const size_t count = json_array_size(record->samples);
        if (!measure->optional || (record->samples && record->completion))
            values[i] = tw_alloc(count + 1, TW_BERTSCORE_NUMBERS * sizeof *values[i]);
        for (size_t n = 0; !values[i] && n < TW_BERTSCORE_NUMBERS; n++)
            weights[n] = 0;
    }
    tw_bertscore_block(measure->scorer, block, values, TW_BERTSCORE_NUMBERS, findings->errors);
    for (size_t i = 0; i < block->count; i++) {
        if (values[i] && !findings->errors[i])
            average(values[i], json_array_size(block->records[i].samples),
                    findings->values + i * findings->stride);
        free(values[i]);
    }
    return 0;
}

static void free_measure(tw_measure *base)
{
    free(base);
}

tw_measure *tw_bertscore_measure(tw_bertscore *scorer, bool optional)
{
    bertscore_measure *measure = tw_alloc(1, sizeof *measure);
    measure->base = (tw_measure){measure->columns, TW_BERTSCORE_NUMBERS, run, free_measure};
    for (int n = 0; n < TW_BERTSCORE_NUMBERS; n++)
        measure->columns[n].name = tw_bertscore_names[n];
    measure->scorer = scorer;
    measure->optional = optional;
    return &measure->base;
}
