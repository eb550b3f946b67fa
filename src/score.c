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
#include "metric/measures.h"
#include "metric/report.h"
#include "metric/show.h"
#include "stream/block.h"
#include "stream/json.h"
#include "stream/output.h"
#include "text/options.h"
#include "text/tokenizer.h"

static tw_common common = TW_COMMON_DEFAULTS;
static const char *metrics, *model_path, *guidance_path;
static const char *tokenizer_path;
static tw_text_options text;
static tw_selection selection;
static int64_t batch_tokens = 4096;
static bool no_stem, as_json, per_record, color;

static const tw_option options[] = {
    {"metrics", 0, TW_TEXT, &metrics, "LIST",
     "what to measure: meteor, rouge1, rouge2, rougeL, rougeLsum, bleu, chrf, corpusBleu, "
     "corpusChrf, length, distinct1, distinct2, repetition; with -m nll, perplexity; with -g "
     "pairwise, kendall, ndcg, reward; without LIST the first five "
     "and what -m and -g have",
     0, 0, NULL, 0},
    {"model", 'm', TW_TEXT, &model_path, "MODEL",
     "language model folder: add each token's logprobs, measure nll and perplexity", 0, 0, NULL,
     TW_OPTION_RUNTIME},
    {"guidance", 'g', TW_TEXT, &guidance_path, "GUIDANCE",
     "guidance folder: add each token's rewards, measure pairwise, kendall, ndcg and reward", 0, 0,
     NULL, TW_OPTION_RUNTIME},
    {"no-stem", 0, TW_FLAG, &no_stem, NULL, "compare whole words in ROUGE, not their stems", 0, 0,
     NULL, 0},
    TW_OPTION_SEED(common),
    TW_OPTIONS_GROUP("Input"),
    TW_OPTION_PREFIX(text),
    TW_OPTION_PROMPT_FIELD(text),
    TW_OPTION_COMPLETION_FIELD(text),
    TW_OPTION_MAX_PROMPT_TOKENS(text),
    TW_OPTION_MAX_COMPLETION_TOKENS(text),
    TW_OPTION_RETOKENIZE(text),
    TW_OPTION_STRICT(text),
    TW_OPTION_MAX_ERRORS(common),
    TW_OPTIONS_GROUP("Output"),
    {"json", 0, TW_FLAG, &as_json, NULL, "one JSON object, also on a terminal", 0, 0, NULL, 0},
    {"per-record", 0, TW_FLAG, &per_record, NULL,
     "stream the records with their metrics instead of the summary", 0, 0, NULL, 0},
    {"color", 0, TW_FLAG, &color, NULL,
     "show each sample's tokens coloured by their rewards instead of the summary", 0, 0, NULL, 0},
    {"tokenizer", 0, TW_TEXT, &tokenizer_path, "FILE",
     "tokenizer or model folder whose tokens --color shows; with -g its own", 0, 0, NULL, 0},
    TW_OPTION_OUTPUT(common),
    TW_OPTION_PLAIN(common),
    TW_OPTION_NO_PROVENANCE(common),
    TW_OPTION_QUIET(common),
    TW_OPTIONS_GROUP("Running"),
    {"batch-tokens", 0, TW_INT, &batch_tokens, "N",
     "tokens that a model computes at a time; more is faster and takes more memory", 1, 1e9, NULL,
     TW_OPTION_RUNTIME},
    TW_OPTION_THREADS(common),
    TW_OPTIONS_END,
};

static const tw_usage usage = {
    .name = "score",
    .purpose = "Measure samples against references, and by models",
    .synopsis = "[--metrics LIST] [-m MODEL] [-g GUIDANCE] [options] [FILE...]",
    .example = "sample -m policy --greedy test.jsonl.zst | score --json | jq .metrics.rougeL.mean\n"
               "score --metrics perplexity -m policy test.jsonl.zst\n"
               "score --color -g guidance ranked.jsonl.zst | less -R",
    .options = options,
};

typedef struct run {
    tw_measures *measures;
    double *values, *weights; /* [rows, stride]: all records for the summary, else a block */
    size_t rows, capacity;
    tw_tokenizer *tokenizer; /* with --tokenizer */
    tw_records *records;
    tw_writer *writer;
    tw_progress *progress;
    tw_block block;
    char *errors[TW_BLOCK_RECORDS];
} run;

/* Room for a block's rows behind those there are; weights 1. */
static void make_room(run *run)
{
    const size_t stride = run->measures->stride;
    if (run->capacity - run->rows < TW_BLOCK_RECORDS) {
        run->capacity = 2 * run->capacity + TW_BLOCK_RECORDS;
        run->values = tw_realloc(run->values, run->capacity * stride, sizeof(double));
        run->weights = tw_realloc(run->weights, run->capacity * stride, sizeof(double));
    }
    for (size_t i = run->rows * stride; i < (run->rows + run->block.count) * stride; i++)
        run->weights[i] = 1;
}

static int measure_block(run *run)
{
    const size_t stride = run->measures->stride;
    const tw_findings findings = {run->values + run->rows * stride,
                                  run->weights + run->rows * stride, stride, run->errors};
    return tw_measures_run(run->measures, &run->block, &findings);
}

/* Writes the record with its row as `metrics`. */
static int write_record(run *run, const tw_record *record, size_t row)
{
    const tw_measures *measures = run->measures;
    json_t *found = json_object();
    for (size_t c = 0; c < measures->shown; c++) {
        const tw_column *column = measures->columns[c];
        const size_t at = row * measures->stride + measures->places[c];
        const double value = column->exponential ? exp(run->values[at]) : run->values[at];
        if (run->weights[at] != 0)
            json_object_set_new(found, column->name,
                                isfinite(value) ? json_real(value) : json_null());
    }
    json_object_set_new(record->json, "metrics", found);
    return tw_record_write(run->writer, record->json);
}

/* Writes lines, each ended by a newline, and frees it. */
static int write_lines(run *run, char *lines)
{
    int status = lines ? 0 : -1;
    for (const char *at = lines; status == 0 && *at;) {
        const size_t length = strcspn(at, "\n");
        status = tw_writer_line(run->writer, at, length);
        at += length + (at[length] == '\n');
    }
    free(lines);
    return status;
}

static int show_record(run *run, const tw_record *record)
{
    const tw_tokenizer *tokenizer =
        guidance_path ? run->measures->guidance->model->tokenizer : run->tokenizer;
    return write_lines(run, tw_show_record(record, tokenizer, tw_paint_wanted(true)));
}

/* One record that was measured without error; keeps its row for the summary. */
static int finish_record(run *run, const tw_record *record, size_t row)
{
    if (per_record)
        return write_record(run, record, row);
    if (color)
        return show_record(run, record);
    const size_t stride = run->measures->stride, bytes = stride * sizeof(double);
    memmove(run->values + run->rows * stride, run->values + row * stride, bytes);
    memmove(run->weights + run->rows * stride, run->weights + row * stride, bytes);
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
    const tw_measures *measures = run->measures;
    tw_interval shown[TW_SELECTION_MAX];
    const tw_report report = {run->rows, measures->shown, measures->columns, shown};
    tw_measures_sum_up(measures, run->values, run->weights, run->rows, (uint64_t)common.seed,
                       shown);
    int status;
    if (as_json || common.output || !isatty(STDOUT_FILENO)) {
        json_t *json = tw_report_json(&report);
        status = tw_record_write(run->writer, json);
        json_decref(json);
    } else {
        status = write_lines(run, tw_report_table(&report));
    }
    return status;
}

static void note_cuts(const run *run)
{
    for (int i = 0; i < run->measures->model_count && !common.quiet; i++) {
        const tw_measuring_model *model = &run->measures->models[i];
        if (model->encoded.prompts_cut + model->encoded.completions_cut > 0)
            tw_warn("%" PRIu64 " prompts and %" PRIu64 " completions were cut to fit %s",
                    model->encoded.prompts_cut, model->encoded.completions_cut, model->path);
    }
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
    if (status == 0)
        note_cuts(run);
    if (status == 0 && !per_record && !color)
        status = write_summary(run);
    return status;
}

static int open_measures(run *run)
{
    const tw_measures_options options = {
        .selection = color ? NULL : &selection,
        .stem = !no_stem,
        /* Text metrics that nobody asked for must not refuse what a model can measure. */
        .optional = !metrics && (model_path || guidance_path),
        .model = model_path,
        .guidance = guidance_path,
        .text = &text,
        .batch_rows = (size_t)batch_tokens,
    };
    run->measures = tw_measures_open(&options);
    return run->measures ? 0 : -1;
}

static int open_run(run *run, char **files, int count)
{
    const tw_records_options records = {.prompt_field = text.prompt_field,
                                        .completion_field = text.completion_field,
                                        .need = run->measures->model_count > 0 ? TW_NEED_PROMPT : 0,
                                        .max_errors = common.max_errors};
    const tw_measuring_model *models = run->measures->models;
    const char *digests[] = {models[0].digest, models[1].digest};
    const tw_writer_options plain = {.path = common.output, .plain = true};
    if (color && tokenizer_path && !(run->tokenizer = tw_tokenizer_open(tokenizer_path)))
        return -1;
    if (!(run->records = tw_records_open(files, count, &records)))
        return -1;
    run->writer = per_record ? tw_output_open(&common, &usage, digests, run->measures->model_count,
                                              run->records)
                             : tw_writer_open(&plain);
    run->progress = tw_progress_new("records", 0, common.quiet);
    return run->writer ? 0 : -1;
}

static int close_run(run *run, int status)
{
    status = tw_output_close(run->writer, run->progress, status);
    if (status != 0)
        tw_warn("%s", tw_error());
    tw_block_clear(&run->block);
    for (size_t i = 0; i < TW_BLOCK_RECORDS; i++)
        free(run->errors[i]);
    free(run->values);
    free(run->weights);
    tw_tokenizer_free(run->tokenizer);
    tw_measures_free(run->measures);
    tw_records_close(run->records);
    return status != 0 ? TW_EXIT_DATA : TW_EXIT_OK;
}

/* What the option table cannot say. */
static int check_usage(void)
{
    if (per_record + color + as_json > 1)
        return tw_fail("--json, --per-record and --color exclude each other");
    if (color && !tokenizer_path == !guidance_path)
        return tw_fail("--color needs either --tokenizer or -g, whose tokenizer it takes");
    if (color && model_path)
        return tw_fail("--color shows rewards, for which -m has no use");
    if (tw_select(metrics, model_path, guidance_path, &selection) != 0)
        return tw_fail_in("--metrics");
    return 0;
}

int main(int argc, char **argv)
{
    static run run;
    const int first = tw_options_or_exit(&usage, argc, argv, check_usage);
    tw_common_apply(&common);
    int status = open_measures(&run);
    if (status == 0)
        status = open_run(&run, argv + first, argc - first);
    if (status == 0)
        status = score_all(&run);
    return close_run(&run, status);
}
