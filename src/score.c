/* score: measures records and sums up. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/common.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/option.h"
#include "core/progress.h"
#include "metric/bootstrap.h"
#include "metric/measure.h"
#include "metric/report.h"
#include "metric/show.h"
#include "stream/block.h"
#include "stream/json.h"
#include "stream/output.h"
#include "text/tokenizer.h"

static tw_common common = TW_COMMON_DEFAULTS;
static const char *metrics = "meteor,rouge1,rouge2,rougeL,rougeLsum";
static const char *tokenizer_path, *prompt_field, *completion_field;
static bool no_stem, as_json, per_record, color;

static const tw_option options[] = {
    {"metrics", 0, TW_TEXT, &metrics, "LIST",
     "what to measure: meteor, rouge1, rouge2, rougeL, rougeLsum, length, distinct1, distinct2, "
     "repetition",
     0, 0, NULL, 0},
    {"no-stem", 0, TW_FLAG, &no_stem, NULL, "compare whole words in ROUGE, not their stems", 0, 0,
     NULL, 0},
    TW_OPTION_SEED(common),
    TW_OPTIONS_GROUP("Input"),
    {"prompt-field", 0, TW_TEXT, &prompt_field, "NAME", "field that holds the prompt", 0, 0, NULL,
     0},
    {"completion-field", 0, TW_TEXT, &completion_field, "NAME", "field that holds the reference", 0,
     0, NULL, 0},
    TW_OPTION_MAX_ERRORS(common),
    TW_OPTIONS_GROUP("Output"),
    {"json", 0, TW_FLAG, &as_json, NULL, "one JSON object, also on a terminal", 0, 0, NULL, 0},
    {"per-record", 0, TW_FLAG, &per_record, NULL,
     "stream the records with their metrics instead of the summary", 0, 0, NULL, 0},
    {"color", 0, TW_FLAG, &color, NULL,
     "show each sample's tokens coloured by their rewards instead of the summary", 0, 0, NULL, 0},
    {"tokenizer", 0, TW_TEXT, &tokenizer_path, "FILE",
     "tokenizer or model folder whose tokens --color shows", 0, 0, NULL, 0},
    TW_OPTION_OUTPUT(common),
    TW_OPTION_PLAIN(common),
    TW_OPTION_NO_PROVENANCE(common),
    TW_OPTION_QUIET(common),
    TW_OPTIONS_GROUP("Running"),
    TW_OPTION_THREADS(common),
    TW_OPTIONS_END,
};

static const tw_usage usage = {
    .name = "score",
    .purpose = "Measure samples against references",
    .synopsis = "[--metrics LIST] [options] [FILE...]",
    .example = "sample -m policy --greedy test.jsonl.zst | score --json | jq .metrics.rougeL.mean",
    .options = options,
};

enum { MEASURES = 3 };

typedef struct run {
    tw_measure *measures[MEASURES]; /* columns side by side, in this order */
    size_t measure_count;
    const tw_column **columns; /* [stride] */
    size_t stride;
    double *values, *weights; /* [rows, stride]: all records for the summary, else a block */
    size_t rows, capacity;
    tw_tokenizer *tokenizer; /* with --color */
    tw_records *records;
    tw_writer *writer;
    tw_progress *progress;
    tw_block block;
    char *errors[TW_BLOCK_RECORDS];
} run;

/* Room for a block's rows behind those there are; weights 1. */
static void make_room(run *run)
{
    if (run->capacity - run->rows < TW_BLOCK_RECORDS) {
        run->capacity = 2 * run->capacity + TW_BLOCK_RECORDS;
        run->values = tw_realloc(run->values, run->capacity * run->stride, sizeof(double));
        run->weights = tw_realloc(run->weights, run->capacity * run->stride, sizeof(double));
    }
    for (size_t i = run->rows * run->stride; i < (run->rows + run->block.count) * run->stride; i++)
        run->weights[i] = 1;
}

static int measure_block(run *run)
{
    tw_findings findings = {run->values + run->rows * run->stride,
                            run->weights + run->rows * run->stride, run->stride, run->errors};
    for (size_t m = 0; m < run->measure_count; m++) {
        tw_measure *measure = run->measures[m];
        if (measure->run(measure, &run->block, &findings) != 0)
            return -1;
        findings.values += measure->count;
        findings.weights += measure->count;
    }
    return 0;
}

/* Writes the record with its row as `metrics`. */
static int write_record(run *run, const tw_record *record, size_t row)
{
    json_t *found = json_object();
    for (size_t c = 0; c < run->stride; c++) {
        const double value = run->values[row * run->stride + c];
        if (run->weights[row * run->stride + c] != 0)
            json_object_set_new(found, run->columns[c]->name,
                                json_real(run->columns[c]->exponential ? exp(value) : value));
    }
    json_object_set_new(record->json, "metrics", found);
    return tw_record_write(run->writer, record->json);
}

/* Writes text, lines each ended by a newline, and frees it. */
static int write_text(run *run, char *text)
{
    int status = text ? 0 : -1;
    for (const char *at = text; status == 0 && *at;) {
        const size_t length = strcspn(at, "\n");
        status = tw_writer_line(run->writer, at, length);
        at += length + (at[length] == '\n');
    }
    free(text);
    return status;
}

/* One record that was measured without error; keeps its row for the summary. */
static int finish_record(run *run, const tw_record *record, size_t row)
{
    if (per_record)
        return write_record(run, record, row);
    if (color)
        return write_text(run, tw_show_record(record, run->tokenizer, tw_paint_wanted(true)));
    const size_t bytes = run->stride * sizeof(double);
    memmove(run->values + run->rows * run->stride, run->values + row * run->stride, bytes);
    memmove(run->weights + run->rows * run->stride, run->weights + row * run->stride, bytes);
    run->rows++;
    return 0;
}

static int finish_block(run *run)
{
    int status = 0;
    const size_t first = run->rows;
    for (size_t i = 0; i < run->block.count; i++) {
        if (status == 0 && run->errors[i]) {
            tw_fail("%s", run->errors[i]);
            status = tw_records_reject(run->records);
        } else if (status == 0) {
            status = finish_record(run, &run->block.records[i], first + i);
        }
        free(run->errors[i]);
        run->errors[i] = NULL;
    }
    return status;
}

static int write_summary(run *run)
{
    tw_interval *intervals = tw_alloc(run->stride, sizeof *intervals);
    const tw_report report = {run->rows, run->stride, run->columns, intervals};
    tw_bootstrap(run->values, run->weights, run->rows, run->stride, (uint64_t)common.seed,
                 intervals);
    int status;
    if (as_json || common.output || !isatty(STDOUT_FILENO)) {
        json_t *json = tw_report_json(&report);
        status = tw_record_write(run->writer, json);
        json_decref(json);
    } else {
        status = write_text(run, tw_report_table(&report));
    }
    free(intervals);
    return status;
}

static int score_all(run *run)
{
    uint64_t done = 0;
    int status = 0;
    while ((status = tw_block_read(&run->block, run->records)) > 0) {
        make_room(run);
        if (measure_block(run) != 0 || finish_block(run) != 0 || tw_writer_flush(run->writer) != 0)
            return -1;
        tw_progress_update(run->progress, done += run->block.count, NULL);
    }
    if (status == 0 && !per_record && !color)
        status = write_summary(run);
    return status;
}

static int open_measures(run *run, const tw_metric *list, int count)
{
    if (!color && !(run->measures[run->measure_count++] =
                        tw_text_measure(list, count, !no_stem, completion_field)))
        return -1;
    for (size_t m = 0; m < run->measure_count; m++)
        run->stride += run->measures[m]->count;
    run->columns = tw_alloc(run->stride, sizeof *run->columns);
    for (size_t m = 0, c = 0; m < run->measure_count; m++)
        for (size_t i = 0; i < run->measures[m]->count; i++)
            run->columns[c++] = &run->measures[m]->columns[i];
    return 0;
}

static int open_run(run *run, char **files, int count)
{
    const tw_records_options records = {.prompt_field = prompt_field,
                                        .completion_field = completion_field,
                                        .max_errors = common.max_errors};
    const tw_writer_options text = {.path = common.output, .plain = true};
    if (color && !(run->tokenizer = tw_tokenizer_open(tokenizer_path)))
        return -1;
    if (!(run->records = tw_records_open(files, count, &records)))
        return -1;
    run->writer =
        per_record ? tw_output_open(&common, &usage, NULL, 0, run->records) : tw_writer_open(&text);
    run->progress = tw_progress_new("records", 0, common.quiet);
    return run->writer ? 0 : -1;
}

static int close_run(run *run, int status)
{
    status = tw_output_close(run->writer, run->progress, status);
    if (status != 0)
        tw_warn("%s", tw_error());
    tw_block_clear(&run->block);
    for (size_t m = 0; m < run->measure_count; m++)
        if (run->measures[m])
            run->measures[m]->free(run->measures[m]);
    for (size_t i = 0; i < TW_BLOCK_RECORDS; i++)
        free(run->errors[i]);
    free(run->columns);
    free(run->values);
    free(run->weights);
    tw_tokenizer_free(run->tokenizer);
    tw_records_close(run->records);
    return status != 0 ? TW_EXIT_DATA : TW_EXIT_OK;
}

/* What the option table cannot say. Returns the number of metrics, -1 on failure. */
static int check_options(tw_metric list[TW_METRICS])
{
    if (per_record + color + as_json > 1)
        return tw_fail("--json, --per-record and --color exclude each other");
    if (color && !tokenizer_path)
        return tw_fail("--color needs --tokenizer");
    const int count = tw_metric_list(metrics, list);
    return count < 0 ? tw_fail_in("--metrics") : count;
}

int main(int argc, char **argv)
{
    static run run;
    tw_metric list[TW_METRICS];
    int first = 0, count = 0;
    const tw_parsed parsed = tw_parse_options(&usage, argc, argv, &first);
    if (parsed == TW_PARSED_DONE)
        return TW_EXIT_OK;
    if (parsed == TW_PARSED_BAD || (count = check_options(list)) < 0) {
        tw_warn("%s", tw_error());
        return TW_EXIT_USAGE;
    }
    tw_common_apply(&common);
    int status = open_measures(&run, list, count);
    if (status == 0)
        status = open_run(&run, argv + first, argc - first);
    if (status == 0)
        status = score_all(&run);
    return close_run(&run, status);
}
