/* score: measures records and sums up. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/common.h"
#include "core/error.h"
#include "core/math.h"
#include "core/memory.h"
#include "core/option.h"
#include "core/places.h"
#include "core/progress.h"
#include "metric/contrast.h"
#include "metric/html.h"
#include "metric/measures.h"
#include "metric/report.h"
#include "metric/show.h"
#include "stream/block.h"
#include "stream/json.h"
#include "stream/output.h"
#include "tensor/kernels/kernels.h"
#include "text/options.h"
#include "text/tokenizer.h"

static tw_common common = TW_COMMON_DEFAULTS;
static const char *metrics, *model_path, *guidance_path;
static const char *tokenizer_path, *html;
static tw_text_options text;
static tw_classifier_options classifier = TW_CLASSIFIER_DEFAULTS;
static tw_bertscore_options bertscore = TW_BERTSCORE_DEFAULTS;
static tw_selection selection;
static int64_t batch_tokens = 4096;
static bool no_stem, compare, as_json, per_record, color;

static const tw_option options[] = {
    {"metrics", 0, TW_TEXT, &metrics, "LIST",
     "what to measure: meteor, rouge1, rouge2, rougeL, rougeLsum, bleu, chrf, corpusBleu, "
     "corpusChrf, length, distinct1, distinct2, repetition; with -m nll, perplexity; with -g "
     "pairwise, kendall, ndcg, reward; with --classifier classifier, classifierAccuracy, "
     "classifierGap; with --bertscore-model bertscore, bertscoreP, bertscoreR; without LIST the "
     "first five and what -m, -g, --classifier and --bertscore-model have",
     0, 0, NULL, 0},
    {"model", 'm', TW_TEXT, &model_path, "MODEL",
     "language model folder: add each token's logprobs, measure nll and perplexity", 0, 0, NULL,
     TW_OPTION_RUNTIME},
    {"guidance", 'g', TW_TEXT, &guidance_path, "GUIDANCE",
     "guidance folder: add each token's rewards, measure pairwise, kendall, ndcg and reward", 0, 0,
     NULL, TW_OPTION_RUNTIME},
    {"no-stem", 0, TW_FLAG, &no_stem, NULL, "compare whole words in ROUGE, not their stems", 0, 0,
     NULL, 0},
    {"compare", 0, TW_FLAG, &compare, NULL,
     "two files A and B with the same ids: the difference B - A of each metric, with bounds and "
     "p-value",
     0, 0, NULL, 0},
    TW_OPTION_SEED(common),
    TW_BERTSCORE_OPTIONS(bertscore),
    TW_OPTIONS_GROUP("Samples as prompts of a classifier"),
    TW_CLASSIFIER_OPTIONS(classifier),
    TW_OPTIONS_GROUP("Input"),
    TW_OPTIONS_AFFIXES(text),
    TW_OPTION_PROMPT_FIELD(text),
    TW_OPTION_COMPLETION_FIELD(text),
    TW_OPTIONS_PROMPT_LIMIT(text),
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
    {"html", 0, TW_TEXT, &html, "FILE",
     "write FILE instead of the summary: one page with each record's samples side by side, best "
     "first, tokens shaded by their rewards",
     0, 0, NULL, TW_OPTION_RUNTIME},
    {"tokenizer", 0, TW_TEXT, &tokenizer_path, "FILE",
     "tokenizer or model folder whose tokens --color and --html show; with -g its own", 0, 0, NULL,
     0},
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
               "score --metrics bertscore --bertscore-model roberta-large samples.jsonl.zst\n"
               "score --compare before.jsonl.zst after.jsonl.zst\n"
               "score --color -g guidance ranked.jsonl.zst | less -R\n"
               "score --html page.html -g guidance ranked.jsonl.zst\n"
               "score --metrics classifierAccuracy --classifier gpt2 --verbalizers ' terrible, "
               "great' --examples test.jsonl best.jsonl",
    .options = options,
};

typedef struct run {
    tw_measures *measures;
    tw_sheet sheets[2];      /* all records for the summary, else a block; [1] with --compare */
    tw_roll rolls[2];        /* with --compare */
    int side;                /* the sheet being filled */
    tw_tokenizer *tokenizer; /* with --tokenizer */
    tw_records *records[2];  /* [1] with --compare */
    tw_writer *writer;
    tw_progress *progress;
    uint64_t done;
    tw_block block;
    char *errors[TW_BLOCK_RECORDS];
} run;

/* Writes the record with its row as `metrics`. */
static int write_record(run *run, const tw_record *record, size_t row)
{
    const tw_measures *measures = run->measures;
    json_t *metrics_found = json_object();
    for (size_t c = 0; c < measures->shown; c++) {
        const tw_column *column = measures->columns[c];
        const size_t at = row * measures->stride + measures->places[c];
        const double found = run->sheets[0].values[at];
        const double value = column->exponential ? tw_exp(found) : found;
        if (run->sheets[0].weights[at] != 0)
            json_object_set_new(metrics_found, column->name,
                                isfinite(value) ? json_real(value) : json_null());
    }
    json_object_set_new(record->json, "metrics", metrics_found);
    return tw_record_write(run->writer, record);
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
    const tw_page page = {
        tokenizer, run->measures->guidance ? &run->measures->guidance->settings.aggregate : NULL};
    return write_lines(run, html ? tw_page_record(&page, record)
                                 : tw_show_record(record, tokenizer, tw_paint_wanted(true)));
}

/* One record that was measured without error; keeps its row for the summary. */
static int finish_record(run *run, const tw_record *record, size_t row)
{
    if (per_record)
        return write_record(run, record, row);
    if (color || html)
        return show_record(run, record);
    if (compare)
        tw_roll_add(&run->rolls[run->side], record);
    tw_sheet_keep(&run->sheets[run->side], row);
    return 0;
}

static int finish_block(run *run)
{
    int status = 0;
    const size_t first = run->sheets[run->side].rows;
    for (size_t i = 0; i < run->block.count; i++) {
        if (status == 0 && run->errors[i]) {
            tw_fail("%s", run->errors[i]);
            status = tw_records_reject(run->records[run->side]);
        } else if (status == 0) {
            status = finish_record(run, &run->block.records[i], first + i);
        }
        free(run->errors[i]);
        run->errors[i] = NULL;
    }
    return status;
}

/* The result: one JSON object, or on a terminal the table; frees both. */
static int write_result(run *run, json_t *json, char *table)
{
    if (as_json || common.output || !isatty(STDOUT_FILENO)) {
        char *line = tw_json_text(json, NULL);
        json_decref(json);
        free(table);
        return write_lines(run, line);
    }
    json_decref(json);
    return write_lines(run, table);
}

static int write_summary(run *run)
{
    const tw_sheet *sheet = &run->sheets[0];
    const tw_measures *measures = run->measures;
    tw_interval shown[TW_SELECTION_MAX];
    const tw_report report = {sheet->rows, measures->shown, measures->columns, shown};
    tw_measures_sum_up(measures, sheet->values, sheet->weights, sheet->rows, (uint64_t)common.seed,
                       shown);
    return write_result(run, tw_report_json(&report), tw_report_table(&report));
}

static int write_contrast(run *run)
{
    tw_contrast contrast;
    tw_pairing pairing;
    int status = tw_pair(&run->rolls[0], &run->rolls[1], (uint64_t)common.max_errors, &pairing);
    if (status == 0) {
        if (pairing.unpaired > 0)
            tw_warn("%zu records left out, whose ids are in one file only", pairing.unpaired);
        tw_contrast_fill(&contrast, run->measures, &run->sheets[0], &run->sheets[1], &pairing,
                         (uint64_t)common.seed);
        status = write_result(run, tw_contrast_json(&contrast), tw_contrast_table(&contrast));
    }
    tw_pairing_clear(&pairing);
    return status;
}

static void note_cuts(const run *run)
{
    size_t examples = 0, cut = 0;
    if (run->measures->classifier)
        cut = tw_classifier_cut(run->measures->classifier, &examples);
    if (cut > 0 && !common.quiet)
        tw_warn("%zu of %zu examples were cut to fit %s", cut, examples, classifier.model);
    const tw_classifier_answers answers = run->measures->classifier
                                              ? tw_classifier_answered(run->measures->classifier)
                                              : (tw_classifier_answers){0};
    if (2 * answers.constant > answers.prompts && !common.quiet)
        tw_warn("under %" PRIu64 " of %" PRIu64 " prompts the classifier gave all texts one class "
                "(see --template and --verbalizers)",
                answers.constant, answers.prompts);
    if (run->measures->bertscore && tw_bertscore_cut(run->measures->bertscore) && !common.quiet)
        tw_warn("%" PRIu64 " texts were cut to fit %s", tw_bertscore_cut(run->measures->bertscore),
                bertscore.model);
    for (int i = 0; i < run->measures->model_count && !common.quiet; i++) {
        const tw_measuring_model *model = &run->measures->models[i];
        if (model->encoded.prompts_cut + model->encoded.completions_cut > 0)
            tw_warn("%" PRIu64 " prompts were cut %s and %" PRIu64 " completions to fit %s",
                    model->encoded.prompts_cut, tw_truncate_place((tw_truncate)text.truncate),
                    model->encoded.completions_cut, model->path);
    }
}

/* The values of all records are kept, and more is taken to compare them. */
static int check_room(const run *run)
{
    enum { SMALL = 64 << 20 };
    static const tw_plan_advice advice = {.batch = "a choice of fewer --metrics"};
    const tw_sheet *sheet = &run->sheets[run->side];
    size_t bytes = tw_sheet_growth(sheet, run->block.count);
    if (bytes > 0 && compare)
        bytes += tw_roll_bytes(&run->rolls[run->side]) +
                 tw_contrast_bytes(run->measures, sheet->rows + run->block.count);
    if (bytes < SMALL)
        return 0;
    tw_plan plan = {0};
    tw_plan_add(&plan, TW_PLAN_RECORDS, bytes);
    return tw_plan_check(&plan, tw_memory_available(), &advice);
}

static int measure_all(run *run)
{
    int status = 0;
    while ((status = tw_block_read(&run->block, run->records[run->side])) > 0) {
        if (check_room(run) != 0)
            return -1;
        const tw_findings findings =
            tw_sheet_next(&run->sheets[run->side], run->block.count, run->errors);
        if (tw_measures_run(run->measures, &run->block, &findings) != 0 || finish_block(run) != 0 ||
            tw_writer_flush(run->writer) != 0)
            return -1;
        tw_progress_update(run->progress, run->done += run->block.count, NULL);
    }
    return status;
}

static int score_all(run *run)
{
    if (html && write_lines(run, tw_page_head(guidance_path)) != 0)
        return -1;
    for (run->side = 0; run->side < 1 + compare; run->side++)
        if (measure_all(run) != 0)
            return -1;
    note_cuts(run);
    if (html)
        return write_lines(run, tw_page_foot());
    if (per_record || color)
        return 0;
    return compare ? write_contrast(run) : write_summary(run);
}

/* Plans what memory the models will take, then takes it. */
static int load_models(tw_measures *measures)
{
    static const tw_plan_advice advice = {.batch = "a smaller --batch-tokens"};
    tw_plan plan = {0};
    if (tw_measures_plan(measures, &plan) != 0 ||
        tw_plan_check(&plan, tw_memory_available(), &advice) != 0)
        return -1;
    if (!common.quiet && plan.bytes > TW_PLAN_LARGE)
        tw_warn("%s", plan.text);
    return tw_measures_load(measures);
}

/* No output destroys an input. */
static int check_places(char *const *files, int count)
{
    tw_places places = {0};
    tw_model_places(&places, "-m", model_path);
    tw_model_places(&places, "-g", guidance_path);
    tw_places_input(&places, "--tokenizer", tokenizer_path);
    tw_model_places(&places, "--classifier", classifier.model);
    tw_places_input(&places, "--examples", classifier.examples);
    tw_model_places(&places, "--bertscore-model", bertscore.model);
    tw_places_operands(&places, files, count);
    if (html)
        tw_places_output(&places, "--html", html);
    else
        tw_places_output(&places, "-o", common.output ? common.output : "-");
    return tw_places_check(&places);
}

static int open_measures(run *run)
{
    const tw_measures_options options = {
        .selection = color || html ? NULL : &selection,
        .stem = !no_stem,
        /* Text metrics that nobody asked for must not refuse what a model can measure. */
        .optional =
            !metrics && (model_path || guidance_path || classifier.model || bertscore.model),
        .model = model_path,
        .guidance = guidance_path,
        .text = &text,
        .classifier = &classifier,
        .seed = (uint64_t)common.seed,
        .bertscore = &bertscore,
        .batch_rows = (size_t)batch_tokens,
    };
    run->measures = tw_measures_open(&options);
    return run->measures ? load_models(run->measures) : -1;
}

static int open_run(run *run, char **files, int count)
{
    const tw_records_options records = {.prompt_field = text.prompt_field,
                                        .completion_field = text.completion_field,
                                        .need = model_path || guidance_path ? TW_NEED_PROMPT : 0,
                                        .max_errors = common.max_errors};
    const tw_measuring_model *models = run->measures->models;
    const char *digests[] = {models[0].digest, models[1].digest, models[2].digest,
                             models[3].digest};
    const tw_writer_options plain = {.path = html ? html : common.output, .plain = true};
    if (tokenizer_path && !(run->tokenizer = tw_tokenizer_open(tokenizer_path)))
        return -1;
    for (int i = 0; i < 1 + compare; i++) {
        run->sheets[i].stride = run->measures->stride;
        if (compare)
            run->rolls[i].name = strcmp(files[i], "-") == 0 ? "<stdin>" : files[i];
        if (!(run->records[i] = tw_records_open(files + i, compare ? 1 : count, &records)))
            return -1;
    }
    run->writer = per_record ? tw_output_open(&common, &usage, digests, run->measures->model_count,
                                              run->records[0])
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
    tw_tokenizer_free(run->tokenizer);
    tw_measures_free(run->measures);
    for (int i = 0; i < 2; i++) {
        tw_sheet_clear(&run->sheets[i]);
        tw_roll_clear(&run->rolls[i]);
        tw_records_close(run->records[i]);
    }
    return status != 0 ? TW_EXIT_DATA : TW_EXIT_OK;
}

/* What the option table cannot say. */
static int check_usage(void)
{
    if (tw_kernels_check() < 0)
        return -1;
    const char *shown = html ? "--html" : "--color";
    if (per_record + color + as_json + !!html > 1)
        return tw_fail("--json, --per-record, --color and --html exclude each other");
    if (compare && (per_record || color || html))
        return tw_fail("--compare goes with none of --per-record, --color and --html");
    if (html && common.output)
        return tw_fail("--html names the output; expected no -o beside it");
    if ((color || html) && !tokenizer_path == !guidance_path)
        return tw_fail("%s needs either --tokenizer or -g, whose tokenizer it takes", shown);
    if ((color || html) && model_path)
        return tw_fail("%s shows rewards, for which -m has no use", shown);
    const tw_selection_judges judges = {model_path, guidance_path, classifier.model,
                                        bertscore.model};
    if (tw_select(metrics, &judges, &selection) != 0)
        return tw_fail_in("--metrics");
    if ((color || html) && (classifier.model || bertscore.model))
        return tw_fail("%s shows rewards, for which --classifier and --bertscore-model have no use",
                       shown);
    if (tw_bertscore_check(&bertscore, tw_selection_any(&selection, tw_bertscore_names)) != 0)
        return -1;
    return tw_classifier_check(&classifier, tw_selection_any(&selection, tw_classifier_names));
}

int main(int argc, char **argv)
{
    static run run;
    const int first = tw_options_or_exit(&usage, argc, argv, check_usage);
    if (compare && argc - first != 2) {
        tw_warn("--compare: expected two files, got %d", argc - first);
        return TW_EXIT_USAGE;
    }
    tw_common_apply(&common);
    int status = check_places(argv + first, argc - first);
    if (status == 0)
        status = open_measures(&run);
    if (status == 0)
        status = open_run(&run, argv + first, argc - first);
    if (status == 0)
        status = score_all(&run);
    return close_run(&run, status);
}
