#include "metric/sequences.h"

#include <math.h>
#include <stdlib.h>

#include "core/error.h"
#include "core/memory.h"

static void drop_from(tw_sequences *sequences, size_t first)
{
    while (sequences->count > first)
        free(sequences->all[--sequences->count].ids.ids);
}

static tw_sequence *append(tw_sequences *sequences, size_t record, json_t *json)
{
    if (sequences->count == sequences->capacity) {
        sequences->capacity = sequences->capacity ? 2 * sequences->capacity : 64;
        sequences->all = tw_realloc(sequences->all, sequences->capacity, sizeof *sequences->all);
    }
    tw_sequence *sequence = &sequences->all[sequences->count++];
    *sequence = (tw_sequence){.record = record, .json = json};
    return sequence;
}

static int add_samples(tw_sequences *sequences, size_t i, const tw_record *record)
{
    const tw_sequence_options *options = sequences->options;
    const size_t count = json_array_size(record->samples);
    if (count == 0)
        return tw_fail("samples: expected at least one sample, got an empty array");
    for (size_t k = 0; k < count; k++) {
        json_t *sample = json_array_get(record->samples, k);
        tw_sequence *sequence = append(sequences, i, sample);
        if (tw_encode_sample(&options->encoding, sample, options->encoded, &sequence->ids) < 0)
            return tw_fail_in("samples[%zu]", k);
    }
    return 0;
}

static int add_completion(tw_sequences *sequences, size_t i, const tw_record *record)
{
    const tw_sequence_options *options = sequences->options;
    const char *field = options->completion_field ? options->completion_field : "completion";
    if (!record->completion)
        return tw_fail("expected samples or %s, got neither", field);
    tw_sequence *sequence = append(sequences, i, record->json);
    if (tw_encode_completion(&options->encoding, record->completion, options->encoded,
                             &sequence->ids) < 0)
        return tw_fail_in("%s", field);
    if (sequence->ids.count == 0)
        return tw_fail("%s: no tokens: expected at least one", field);
    return 0;
}

static int add_record(tw_sequences *sequences, size_t i, const tw_record *record)
{
    const tw_sequence_options *options = sequences->options;
    const int status =
        record->samples ? add_samples(sequences, i, record) : add_completion(sequences, i, record);
    size_t longest = 0;
    if (status != 0)
        return -1;
    if (!record->prompt)
        return tw_fail("prompt: expected a string, got nothing");
    for (size_t s = sequences->first[i]; s < sequences->count; s++)
        if (sequences->all[s].ids.count > longest)
            longest = sequences->all[s].ids.count;
    return tw_encode_prompt(&options->encoding, record->prompt, longest, options->encoded,
                            &sequences->prompts[i]);
}

static void allocate_values(tw_sequences *sequences)
{
    size_t tokens = 0;
    for (size_t s = 0; s < sequences->count; s++)
        tokens += sequences->all[s].ids.count;
    sequences->values = tw_alloc(tokens, sizeof *sequences->values);
    float *values = sequences->values;
    for (size_t s = 0; s < sequences->count; s++) {
        sequences->all[s].values = values;
        values += sequences->all[s].ids.count;
    }
}

static void reject(const tw_record *record, char **error)
{
    tw_record_fail(record, "%s", tw_error());
    *error = tw_strdup(tw_error());
}

static int read_block(tw_sequences *sequences, const tw_block *block, char **errors)
{
    tw_sequences_clear(sequences);
    for (size_t i = 0; i < block->count; i++) {
        const tw_record *record = &block->records[i];
        sequences->first[i] = sequences->count;
        if (errors[i] || add_record(sequences, i, record) == 0)
            continue;
        reject(record, &errors[i]);
        drop_from(sequences, sequences->first[i]);
    }
    for (size_t i = block->count; i <= TW_BLOCK_RECORDS; i++)
        sequences->first[i] = sequences->count;
    allocate_values(sequences);
    return tw_encoded_check(sequences->options->encoded);
}

bool tw_sequences_opens(const tw_sequences *sequences, size_t from, size_t i)
{
    return i == from || sequences->all[i].record != sequences->all[i - 1].record;
}

/* Rows that sequence i adds to a pass. */
static size_t rows_of(const tw_sequences *sequences, size_t from, size_t i)
{
    const tw_sequence *sequence = &sequences->all[i];
    return sequence->ids.count + (tw_sequences_opens(sequences, from, i)
                                      ? sequences->prompts[sequence->record].count
                                      : 0);
}

static void compute(const tw_sequences *sequences, tw_sequences_pass *pass, void *context)
{
    for (size_t from = 0, to = 0; from < sequences->count; from = to) {
        size_t rows = 0;
        do
            rows += rows_of(sequences, from, to++);
        while (to < sequences->count &&
               rows + rows_of(sequences, from, to) <= sequences->options->batch_rows);
        pass(context, sequences, from, to);
    }
}

int tw_sequences_measure(tw_sequences *sequences, const tw_block *block,
                         const tw_findings *findings, tw_sequences_pass *pass,
                         tw_sequences_finish *finish, void *context)
{
    if (read_block(sequences, block, findings->errors) != 0)
        return -1;
    compute(sequences, pass, context);
    for (size_t i = 0; i < block->count; i++) {
        const size_t row = i * findings->stride;
        if (!findings->errors[i] && finish(context, &block->records[i], i, findings->values + row,
                                           findings->weights + row) != 0)
            reject(&block->records[i], &findings->errors[i]);
    }
    return 0;
}

static int write_values(const tw_sequence *sequence, const char *name)
{
    json_t *values = json_array();
    for (size_t t = 0; t < sequence->ids.count; t++) {
        if (!isfinite(sequence->values[t])) {
            json_decref(values);
            return tw_fail("%s: token %zu has %g: the model's numbers overflow", name, t,
                           (double)sequence->values[t]);
        }
        json_array_append_new(values, json_real((double)sequence->values[t]));
    }
    json_object_set_new(sequence->json, name, values);
    return 0;
}

int tw_sequences_write(const tw_sequences *sequences, const tw_record *record, size_t i,
                       const char *name)
{
    for (size_t s = sequences->first[i]; s < sequences->first[i + 1]; s++)
        if (write_values(&sequences->all[s], name) != 0)
            return record->samples ? tw_fail_in("samples[%zu]", s - sequences->first[i]) : -1;
    return 0;
}

double tw_sequences_sum(const tw_sequences *sequences, size_t record, size_t *tokens)
{
    double sum = 0;
    *tokens = 0;
    for (size_t s = sequences->first[record]; s < sequences->first[record + 1]; s++) {
        const tw_sequence *sequence = &sequences->all[s];
        for (size_t t = 0; t < sequence->ids.count; t++)
            sum += (double)sequence->values[t];
        *tokens += sequence->ids.count;
    }
    return sum;
}

void tw_sequences_clear(tw_sequences *sequences)
{
    drop_from(sequences, 0);
    free(sequences->all);
    free(sequences->values);
    for (size_t i = 0; i < TW_BLOCK_RECORDS; i++)
        free(sequences->prompts[i].ids);
    *sequences = (tw_sequences){.options = sequences->options};
}
