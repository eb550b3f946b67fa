/* rank: orders the samples of each record by a preference. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/common.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/option.h"
#include "core/places.h"
#include "core/progress.h"
#include "metric/bertscore.h"
#include "metric/classifier.h"
#include "metric/expression.h"
#include "metric/panel.h"
#include "metric/ranks.h"
#include "model/model.h"
#include "stream/block.h"
#include "stream/output.h"
#include "tensor/kernels/kernels.h"
#include "text/options.h"

static tw_common common = TW_COMMON_DEFAULTS;
static tw_text_options text;
static const char *by;
static tw_expression *expression; /* of --by; NULL for the ranks that are there */
static tw_classifier_options classifier = TW_CLASSIFIER_DEFAULTS;
static tw_bertscore_options bertscore = TW_BERTSCORE_DEFAULTS;
static int64_t batch_tokens = 4096;
static double ties;
static bool no_stem;
enum { COMPLETION_KEEP, COMPLETION_BEST };
static int completion = COMPLETION_KEEP;

static const tw_option options[] = {
    {"by", 0, TW_TEXT, &by, "EXPR",
     "the preference, higher is better: meteor, rouge1+2*rouge2+rougeLsum, length, score, "
     "bertscore, classifier ...; or ranks, the order that the samples' ranks already say",
     0, 0, NULL, TW_OPTION_REQUIRED},
    {"ties", 0, TW_REAL, &ties, "EPS", "a score at most EPS below the best of a rank shares it", 0,
     INFINITY, NULL, 0},
    {"no-stem", 0, TW_FLAG, &no_stem, NULL, "compare whole words in ROUGE, not their stems", 0, 0,
     NULL, 0},
    TW_BERTSCORE_OPTIONS(bertscore),
    TW_OPTIONS_GROUP("Samples as prompts of a classifier"),
    TW_CLASSIFIER_OPTIONS(classifier),
    TW_OPTION_STRICT(text),
    TW_OPTION_SEED(common),
    TW_OPTIONS_GROUP("Input"),
    TW_OPTION_COMPLETION_FIELD(text),
    TW_OPTION_MAX_ERRORS(common),
    TW_OPTIONS_GROUP("Output"),
    {"completion", 0, TW_CHOICE, &completion, NULL,
     "what becomes of the completion: it is kept, or the text of the best sample takes its place, "
     "for fine-tune to learn",
     0, 0, "keep|best", 0},
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
    .name = "rank",
    .purpose = "Order the samples of each record by a preference",
    .synopsis = "--by EXPR [options] [FILE...]",
    .example = "sample -m policy -k 4 prompts.jsonl.zst | rank --by meteor | zstdcat\n"
               "rank --by ranks --completion best imported.jsonl | fine-tune -m policy -o best\n"
               "rank --by classifier --classifier gpt2 --verbalizers ' terrible, great' "
               "--examples train.jsonl candidates.jsonl",
    .options = options,
};

/* What EXPR may name: the text metrics, the score that a sample already has, what a classifier
 * makes of it, and BERTScore. */
enum {
    SCORE = TW_METRICS,
    CLASSIFIER,
    BERTSCORE = CLASSIFIER + TW_CLASSIFIER_NUMBERS,
    NAMES = BERTSCORE + TW_BERTSCORE_NUMBERS
};

/* What becomes of one record of a block. */
typedef struct outcome {
    char *line; /* the ranked record */
    size_t length;
    char *error; /* or why not */
} outcome;

typedef struct run {
    tw_panel *panel;
    tw_classifier *classifier; /* NULL: none */
    tw_bertscore *bertscore;   /* NULL: none */
    tw_records *records;
    tw_writer *writer;
    tw_progress *progress;
    tw_block block;
    outcome outcomes[TW_BLOCK_RECORDS];
    double *values[TW_BLOCK_RECORDS]; /* [samples, NAMES] of each record */
    bool parallel;                    /* comparing pays for threads; counting words does not */
} run;

/* scores[count] of a record's samples; values[count, NAMES] has those of models. */
static int score_samples(const run *run, const tw_record *record, double *values, double *scores)
{
    if (tw_panel_judge(run->panel, record, values, NAMES) != 0)
        return -1;
    for (size_t i = 0; i < json_array_size(record->samples); i++) {
        const json_t *sample = json_array_get(record->samples, i);
        values[i * NAMES + SCORE] = json_number_value(json_object_get(sample, "score"));
        scores[i] = tw_expression_value(expression, values + i * NAMES);
        if (!isfinite(scores[i]))
            return tw_record_fail(record, "samples[%zu]: \"%s\" is not a finite number", i, by);
    }
    return 0;
}

/* Only the order is given, so the score is the rank turned round; what has no rank gets
 * neither. */
static void set_places(const json_t *samples, const size_t *ranks)
{
    for (size_t i = 0; i < json_array_size(samples); i++) {
        json_t *sample = json_array_get(samples, i);
        if (ranks[i] == 0) {
            json_object_del(sample, "score");
            continue;
        }
        json_object_set_new(sample, "score", json_real(-(double)ranks[i]));
        json_object_set_new(sample, "rank", json_integer((json_int_t)ranks[i]));
    }
}

static int rank_given(const tw_record *record)
{
    const size_t count = json_array_size(record->samples);
    size_t *given = tw_alloc(count, sizeof *given), *ranks = tw_alloc(count, sizeof *ranks);
    size_t known = 0;
    for (size_t i = 0; i < count; i++) {
        const json_t *rank = json_object_get(json_array_get(record->samples, i), "rank");
        given[i] = (size_t)json_integer_value(rank);
        known += given[i] > 0;
    }
    tw_ranks_of_given(given, count, ties, ranks);
    if (known > 0)
        set_places(record->samples, ranks);
    free(given);
    free(ranks);
    return known > 0 ? 0 : tw_record_fail(record, "samples: none of them has a rank");
}

static int rank_record(const run *run, tw_record *record, double *values)
{
    const size_t count = json_array_size(record->samples);
    double *scores = tw_alloc(count, sizeof *scores);
    size_t *ranks = tw_alloc(count, sizeof *ranks);
    const int status = score_samples(run, record, values, scores);
    if (status == 0) {
        tw_ranks(scores, count, ties, ranks);
        for (size_t i = 0; i < count; i++) {
            json_t *sample = json_array_get(record->samples, i);
            json_object_set_new(sample, "score", json_real(scores[i]));
            json_object_set_new(sample, "rank", json_integer((json_int_t)ranks[i]));
        }
    }
    free(scores);
    free(ranks);
    return status;
}

/* The best sample, the first of them where several share the first rank, becomes the completion. */
static void put_best(tw_record *record)
{
    const char *field = text.completion_field ? text.completion_field : "completion";
    for (size_t i = 0; i < json_array_size(record->samples); i++) {
        const json_t *sample = json_array_get(record->samples, i);
        if (json_integer_value(json_object_get(sample, "rank")) != 1)
            continue;
        json_object_set(record->json, field, json_object_get(sample, "text"));
        return;
    }
}

/* Ranks it, and puts the best sample where it is wanted. */
static int finish_record(const run *run, tw_record *record, double *values)
{
    const int status = expression ? rank_record(run, record, values) : rank_given(record);
    if (status == 0 && completion == COMPLETION_BEST)
        put_best(record);
    return status;
}

/* The values of the block's records, and those that need the classifier, which takes all threads
 * for one record after another. */
static void prepare(run *run)
{
    for (size_t i = 0; i < run->block.count; i++) {
        const tw_record *record = &run->block.records[i];
        const size_t count = json_array_size(record->samples);
        run->outcomes[i] = (outcome){NULL, 0, NULL};
        run->values[i] = tw_alloc(count * NAMES, sizeof *run->values[i]);
        if (run->classifier &&
            tw_classifier_judge(run->classifier, record, run->values[i] + CLASSIFIER, NAMES) != 0)
            run->outcomes[i].error = tw_strdup(tw_error());
    }
}

/* BERTScore of the block, many texts together. */
static void compare(run *run)
{
    double *values[TW_BLOCK_RECORDS] = {NULL};
    char *errors[TW_BLOCK_RECORDS] = {NULL};
    if (!run->bertscore)
        return;
    for (size_t i = 0; i < run->block.count; i++)
        if (!run->outcomes[i].error)
            values[i] = run->values[i] + BERTSCORE;
    tw_bertscore_block(run->bertscore, &run->block, values, NAMES, errors);
    for (size_t i = 0; i < run->block.count; i++)
        if (errors[i])
            run->outcomes[i].error = errors[i];
}

static void work(run *run)
{
    prepare(run);
    compare(run);
#pragma omp parallel for schedule(dynamic, 4) if (run->parallel)
    for (size_t i = 0; i < run->block.count; i++) {
        tw_record *record = &run->block.records[i];
        outcome *out = &run->outcomes[i];
        if (!out->error && finish_record(run, record, run->values[i]) == 0)
            out->line = tw_record_text(record, &out->length);
        if (!out->line && !out->error)
            out->error = tw_strdup(tw_error());
        free(run->values[i]);
        tw_record_clear(record); /* by the thread that has its memory in cache */
    }
}

/* Writes what became of the block in the records' order, and frees it. */
static int write_block(run *run)
{
    int status = 0;
    for (size_t i = 0; i < run->block.count; i++) {
        outcome *out = &run->outcomes[i];
        if (status == 0 && out->line) {
            status = tw_writer_line(run->writer, out->line, out->length);
        } else if (status == 0) {
            tw_fail("%s", out->error);
            status = tw_records_reject(run->records);
        }
        free(out->line);
        free(out->error);
    }
    return status;
}

static int rank_all(run *run)
{
    uint64_t done = 0;
    int status = 0;
    while ((status = tw_block_read(&run->block, run->records)) > 0) {
        work(run);
        if (write_block(run) != 0 || tw_writer_flush(run->writer) != 0)
            return -1;
        tw_progress_update(run->progress, done += run->block.count, NULL);
    }
    return status;
}

static int open_classifier(run *run)
{
    const tw_classifier_run how = {(uint64_t)common.seed, (size_t)batch_tokens, text.strict};
    if (!classifier.model)
        return 0;
    run->classifier = tw_classifier_describe(&classifier, &how);
    return run->classifier ? 0 : -1;
}

static int open_bertscore(run *run)
{
    bertscore.completion_field = text.completion_field;
    bertscore.batch_rows = (size_t)batch_tokens;
    if (!bertscore.model)
        return 0;
    run->bertscore = tw_bertscore_describe(&bertscore);
    return run->bertscore ? 0 : -1;
}

/* Plans what memory the models will take, then takes it. */
static int load_models(run *run)
{
    static const tw_plan_advice advice = {.batch = "a smaller --batch-tokens"};
    tw_plan plan = {0};
    if ((run->classifier && tw_classifier_plan(run->classifier, &plan) != 0) ||
        (run->bertscore && tw_bertscore_plan(run->bertscore, &plan) != 0) ||
        tw_plan_check(&plan, tw_memory_available(), &advice) != 0)
        return -1;
    if (!common.quiet && plan.bytes > TW_PLAN_LARGE)
        tw_warn("%s", plan.text);
    if (run->classifier && tw_classifier_load(run->classifier) != 0)
        return -1;
    return run->bertscore ? tw_bertscore_load(run->bertscore) : 0;
}

/* The output, with the digests of the models in its provenance. */
static int open_output(run *run)
{
    const char *const folders[] = {classifier.model, bertscore.model};
    char *digests[2] = {NULL, NULL};
    int count = 0, status = 0;
    for (int i = 0; i < 2; i++)
        if (folders[i] && status == 0)
            status = (digests[count++] = tw_model_digest_line(folders[i])) ? 0 : -1;
    if (status == 0)
        run->writer =
            tw_output_open(&common, &usage, (const char *const *)digests, count, run->records);
    free(digests[0]);
    free(digests[1]);
    return run->writer ? 0 : -1;
}

/* No output destroys an input. */
static int check_places(char *const *files, int count)
{
    tw_places places = {0};
    tw_model_places(&places, "--classifier", classifier.model);
    tw_places_input(&places, "--examples", classifier.examples);
    tw_model_places(&places, "--bertscore-model", bertscore.model);
    tw_places_operands(&places, files, count);
    tw_places_output(&places, "-o", common.output ? common.output : "-");
    return tw_places_check(&places);
}

static int open_run(run *run, char **files, int count)
{
    const unsigned metrics = tw_metrics_used(expression);
    const bool scores = expression && tw_expression_uses(expression, SCORE);
    const tw_records_options records = {
        .completion_field = text.completion_field,
        .need = TW_NEED_SAMPLES | (scores ? TW_NEED_SCORES : 0) |
                (metrics & TW_COMPARING_METRICS || bertscore.model ? TW_NEED_COMPLETION : 0),
        .max_errors = common.max_errors};
    if (check_places(files, count) != 0 ||
        !(run->panel = tw_panel_new(metrics, !no_stem, text.completion_field)) ||
        !(run->records = tw_records_open(files, count, &records)) || open_classifier(run) != 0 ||
        open_bertscore(run) != 0 || load_models(run) != 0 || open_output(run) != 0)
        return -1;
    run->parallel = metrics & TW_COMPARING_METRICS;
    run->progress = tw_progress_new("records", 0, common.quiet);
    return 0;
}

static void note_cuts(const run *run)
{
    size_t examples = 0, cut = 0;
    if (run->classifier)
        cut = tw_classifier_cut(run->classifier, &examples);
    if (cut > 0 && !common.quiet)
        tw_warn("%zu of %zu examples were cut to fit %s", cut, examples, classifier.model);
    const tw_classifier_answers answers =
        run->classifier ? tw_classifier_answered(run->classifier) : (tw_classifier_answers){0};
    if (2 * answers.constant > answers.prompts && !common.quiet)
        tw_warn("under %" PRIu64 " of %" PRIu64 " prompts the classifier gave all texts one class "
                "(see --template and --verbalizers)",
                answers.constant, answers.prompts);
    if (run->bertscore && tw_bertscore_cut(run->bertscore) > 0 && !common.quiet)
        tw_warn("%" PRIu64 " texts were cut to fit %s", tw_bertscore_cut(run->bertscore),
                bertscore.model);
}

static int close_run(run *run, int status)
{
    status = tw_output_close(run->writer, run->progress, status);
    if (status != 0)
        tw_warn("%s", tw_error());
    note_cuts(run);
    tw_block_clear(&run->block);
    tw_records_close(run->records);
    tw_classifier_free(run->classifier);
    tw_bertscore_free(run->bertscore);
    tw_panel_free(run->panel);
    tw_expression_free(expression);
    return status != 0 ? TW_EXIT_DATA : TW_EXIT_OK;
}

/* The last name of [from, to) that EXPR uses; NULL: none, or there is no EXPR. */
static const char *used(const char *const *names, int from, int to)
{
    const char *name = NULL;
    for (int n = from; expression && n < to; n++)
        name = tw_expression_uses(expression, n) ? names[n] : name;
    return name;
}

static int parse_by(void)
{
    if (tw_kernels_check() < 0)
        return -1;
    const char *names[NAMES];
    for (int m = 0; m < TW_METRICS; m++)
        names[m] = tw_metric_names[m];
    names[SCORE] = "score";
    for (int n = 0; n < TW_CLASSIFIER_NUMBERS; n++)
        names[CLASSIFIER + n] = tw_classifier_names[n];
    for (int n = 0; n < TW_BERTSCORE_NUMBERS; n++)
        names[BERTSCORE + n] = tw_bertscore_names[n];
    if (strcmp(by, "ranks") != 0 && !(expression = tw_expression_parse(by, names, NAMES)))
        return tw_fail_in("--by");
    if (tw_bertscore_check(&bertscore, used(names, BERTSCORE, NAMES)) != 0)
        return -1;
    return tw_classifier_check(&classifier, used(names, CLASSIFIER, BERTSCORE));
}

int main(int argc, char **argv)
{
    static run run;
    const int first = tw_options_or_exit(&usage, argc, argv, parse_by);
    tw_common_apply(&common);
    int status = open_run(&run, argv + first, argc - first);
    if (status == 0)
        status = rank_all(&run);
    return close_run(&run, status);
}
