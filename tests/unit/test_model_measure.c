/* Likelihoods and rewards of records against what PyTorch and sentencepiece find for them
 * (tests/oracle/score.py), each sequence on its own there and all in a few passes here. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka wants the four above. */
#include <cmocka.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "metric/bootstrap.h"
#include "metric/model_measure.h"
#include "recorded.h"
#include "stream/json.h"

#define GPT2 "tests/fixtures/gpt2"

/* fp32 here, double there, through three layers: see test_gpt2.c and test_alignment.c. */
#define TOLERANCE 1e-5

/* As many as any measure has; of guidance: */
enum { PAIRWISE, KENDALL, NDCG, REWARD, COLUMNS };

static char path[] = "/tmp/test_model_measure.XXXXXX";
static json_t *recorded;
static tw_model *model;
static tw_guidance *guidance;

static void wave(tw_tensor *tensor, double phase)
{
    for (size_t i = 0; i < tensor->rows * tensor->width; i++)
        tensor->x[i] = (float)(0.3 * sin(0.37 * (double)i + phase));
}

static int setup(void **state)
{
    (void)state;
    close(mkstemp(path));
    recorded = json_load_file("tests/fixtures/score.json", 0, NULL);
    assert_non_null(recorded);
    tw_guidance_settings settings = tw_guidance_defaults;
    settings.aggregate =
        (tw_aggregate){TW_AGGREGATE_SOFTMIN, json_number_value(field(recorded, "temperature"))};
    settings.bound = TW_BOUND_SIGMOID;
    settings.head_size = (size_t)json_integer_value(field(recorded, "head_size"));
    assert_string_equal(json_string_value(field(recorded, "aggregate")), "softmin");
    assert_string_equal(json_string_value(field(recorded, "bound")), "sigmoid");
    model = tw_model_open(GPT2, TW_USE_FROZEN);
    guidance = tw_guidance_start(GPT2, &settings, 1);
    assert_true(model && guidance);
    wave(guidance->head.weight1, 0);
    wave(guidance->head.bias1, 1);
    wave(guidance->head.weight2, 2);
    wave(guidance->head.bias2, 3);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    json_decref(recorded);
    tw_model_free(model);
    tw_guidance_free(guidance);
    return 0;
}

/* A measure over a stream, as `score` would. */
typedef struct trial {
    tw_measure *measure;
    tw_encoded encoded;
    tw_records *records;
    tw_block block;
    double values[TW_BLOCK_RECORDS * COLUMNS], weights[TW_BLOCK_RECORDS * COLUMNS];
    char *errors[TW_BLOCK_RECORDS];
    int status;
} trial;

static tw_sequence_options options_for(trial *trial, size_t batch_rows)
{
    return (tw_sequence_options){.encoding = tw_encoding_of(model, NULL),
                                 .batch_rows = batch_rows,
                                 .encoded = &trial->encoded};
}

/* Runs the measure over one block that holds the lines. */
static void run(trial *trial, const char *lines)
{
    const tw_records_options options = {0};
    char *files[] = {path};
    assert_int_equal(tw_write_file(path, lines, strlen(lines)), 0);
    trial->records = tw_records_open(files, 1, &options);
    trial->block.limit = TW_BLOCK_RECORDS;
    assert_int_equal(tw_block_read(&trial->block, trial->records), 1);
    for (size_t i = 0; i < sizeof trial->weights / sizeof *trial->weights; i++)
        trial->weights[i] = 1;
    const tw_findings findings = {trial->values, trial->weights, COLUMNS, trial->errors};
    trial->status = trial->measure->run(trial->measure, &trial->block, &findings);
}

static void end(trial *trial)
{
    for (size_t i = 0; i < TW_BLOCK_RECORDS; i++)
        free(trial->errors[i]);
    tw_block_clear(&trial->block);
    tw_records_close(trial->records);
    trial->measure->free(trial->measure);
    free(trial);
}

static trial *run_likelihood(const char *lines, size_t batch_rows)
{
    trial *trial = tw_alloc(1, sizeof *trial);
    const tw_sequence_options options = options_for(trial, batch_rows);
    trial->measure = tw_likelihood_measure(model, &options);
    run(trial, lines);
    return trial;
}

static trial *run_guidance(const char *lines, size_t batch_rows)
{
    trial *trial = tw_alloc(1, sizeof *trial);
    const tw_sequence_options options = options_for(trial, batch_rows);
    trial->measure = tw_guidance_measure(guidance, &options);
    run(trial, lines);
    return trial;
}

/* Records as lines; the caller frees. */
static char *lines_of(const json_t *found, size_t first, size_t count)
{
    char *lines = tw_strdup("");
    for (size_t i = first; i < first + count; i++) {
        char *line = tw_json_text(field(json_array_get(found, i), "record"), NULL);
        char *longer = tw_format("%s%s\n", lines, line);
        free(line);
        free(lines);
        lines = longer;
    }
    return lines;
}

static double wanted(const json_t *json, const char *name)
{
    return json_number_value(field(json, name));
}

static void check_numbers(const json_t *got, const json_t *want, const char *what)
{
    assert_int_equal(json_array_size(got), json_array_size(want));
    for (size_t t = 0; t < json_array_size(want); t++)
        check_close(number_at(want, t), number_at(got, t), fabs(number_at(want, t)), TOLERANCE,
                    what);
}

/* The numbers of a record's samples, or of itself. */
static void check_record(const tw_record *record, const json_t *want, const char *name)
{
    const json_t *each = field(want, name);
    if (!record->samples) {
        assert_int_equal(json_array_size(each), 1);
        check_numbers(json_object_get(record->json, name), json_array_get(each, 0), name);
    } else {
        assert_int_equal(json_array_size(each), json_array_size(record->samples));
    }
    for (size_t k = 0; record->samples && k < json_array_size(each); k++)
        check_numbers(json_object_get(json_array_get(record->samples, k), name),
                      json_array_get(each, k), name);
}

static tw_interval summary(const trial *trial, size_t column)
{
    tw_interval intervals[COLUMNS];
    tw_bootstrap(trial->values, trial->weights, trial->block.count, COLUMNS, 0, intervals);
    return intervals[column];
}

static void check_trial(const trial *trial, size_t count)
{
    assert_int_equal(trial->status, 0);
    assert_int_equal(trial->block.count, count);
    for (size_t i = 0; i < count; i++)
        if (trial->errors[i])
            fail_msg("record %zu: %s", i, trial->errors[i]);
    assert_int_equal(trial->encoded.prompts_cut, 1);
    assert_int_equal(trial->encoded.completions_cut, 0);
    assert_int_equal(trial->encoded.compared, 4);
    assert_int_equal(trial->encoded.differed, 0);
}

static void test_likelihood(void **state)
{
    (void)state;
    const json_t *found = field(recorded, "found"), *all = field(recorded, "all");
    const size_t count = json_array_size(found);
    char *lines = lines_of(found, 0, count);
    trial *trial = run_likelihood(lines, 64);
    check_trial(trial, count);
    for (size_t i = 0; i < count; i++) {
        const json_t *want = json_array_get(found, i);
        const double *value = trial->values + i * COLUMNS, *weight = trial->weights + i * COLUMNS;
        check_record(&trial->block.records[i], want, "logprobs");
        check_close(wanted(want, "nll"), value[0], wanted(want, "nll"), TOLERANCE, "nll");
        assert_true(weight[0] == wanted(want, "weight"));
        assert_true(value[1] == value[0] && weight[1] == weight[0]);
    }
    assert_string_equal(trial->measure->columns[0].name, "nll");
    assert_string_equal(trial->measure->columns[1].name, "perplexity");
    assert_true(trial->measure->columns[1].exponential && !trial->measure->columns[0].exponential);
    check_close(wanted(all, "nll"), summary(trial, 0).mean, wanted(all, "nll"), TOLERANCE, "nll");
    check_close(wanted(all, "perplexity"), exp(summary(trial, 1).mean), wanted(all, "perplexity"),
                TOLERANCE, "perplexity");
    free(lines);
    end(trial);
}

/* Ids where the sample had none; its own where it had. */
static void check_tokens(const tw_record *record, const json_t *want)
{
    for (size_t k = 0; k < json_array_size(record->samples); k++)
        assert_true(json_equal(json_object_get(json_array_get(record->samples, k), "tokens"),
                               json_array_get(field(want, "tokens"), k)));
    assert_null(json_object_get(record->json, "tokens"));
}

/* What depends on the order of the aggregates alone is exact. */
static void check_order(const json_t *want, const double *value, const double *weight)
{
    assert_true(weight[PAIRWISE] == wanted(want, "pairs"));
    assert_true(weight[KENDALL] == (weight[PAIRWISE] > 0));
    assert_true(weight[NDCG] == weight[KENDALL]);
    if (weight[PAIRWISE] == 0)
        return;
    check_close(wanted(want, "right") / weight[PAIRWISE], value[PAIRWISE], 1, 1e-12, "pairwise");
    check_close(wanted(want, "kendall"), value[KENDALL], 1, 1e-12, "kendall");
    check_close(wanted(want, "ndcg"), value[NDCG], 1, 1e-12, "ndcg");
}

static void test_guidance(void **state)
{
    (void)state;
    const json_t *found = field(recorded, "found"), *all = field(recorded, "all");
    const size_t count = json_array_size(found);
    char *lines = lines_of(found, 0, count);
    trial *trial = run_guidance(lines, 64);
    check_trial(trial, count);
    for (size_t i = 0; i < count; i++) {
        const json_t *want = json_array_get(found, i);
        const double *value = trial->values + i * COLUMNS, *weight = trial->weights + i * COLUMNS;
        check_record(&trial->block.records[i], want, "rewards");
        check_tokens(&trial->block.records[i], want);
        check_order(want, value, weight);
        check_close(wanted(want, "reward"), value[REWARD], 1, TOLERANCE, "reward");
        assert_true(weight[REWARD] == wanted(want, "weight"));
    }
    const char *const names[] = {"pairwise", "kendall", "ndcg", "reward"};
    assert_int_equal(trial->measure->count, COLUMNS);
    for (size_t c = 0; c < COLUMNS; c++) {
        assert_string_equal(trial->measure->columns[c].name, names[c]);
        check_close(wanted(all, names[c]), summary(trial, c).mean, 1,
                    c == REWARD ? TOLERANCE : 1e-12, names[c]);
    }
    free(lines);
    end(trial);
}

typedef trial *trial_fn(const char *lines, size_t batch_rows);

/* The same bits whatever is computed beside a record, and however its samples are spread
 * over passes. */
static void check_independence(trial_fn *fn)
{
    const json_t *found = field(recorded, "found");
    const size_t count = json_array_size(found);
    char *lines = lines_of(found, 0, count);
    trial *whole = fn(lines, 4096);
    for (size_t i = 0; i < count; i++) {
        char *line = lines_of(found, i, 1);
        trial *alone = fn(line, 1 + 30 * (i % 2));
        /* Without an id of its own a record has that of its line. */
        json_object_del(alone->block.records[0].json, "id");
        json_object_del(whole->block.records[i].json, "id");
        assert_true(json_equal(whole->block.records[i].json, alone->block.records[0].json));
        assert_memory_equal(whole->values + i * COLUMNS, alone->values, COLUMNS * sizeof(double));
        assert_memory_equal(whole->weights + i * COLUMNS, alone->weights, COLUMNS * sizeof(double));
        free(line);
        end(alone);
    }
    free(lines);
    end(whole);
}

static void test_independence(void **state)
{
    (void)state;
    check_independence(run_likelihood);
    check_independence(run_guidance);
}

static void check_refused(const char *lines, size_t bad, const char *message)
{
    trial_fn *const fns[] = {run_likelihood, run_guidance};
    for (size_t f = 0; f < 2; f++) {
        trial *trial = fns[f](lines, 4096);
        assert_int_equal(trial->status, 0);
        for (size_t i = 0; i < trial->block.count; i++) {
            if (i != bad && trial->errors[i])
                fail_msg("record %zu: %s", i, trial->errors[i]);
            if (i == bad && (!trial->errors[i] || !strstr(trial->errors[i], message)))
                fail_msg("%s instead of %s", trial->errors[i] ? trial->errors[i] : "nothing",
                         message);
        }
        end(trial);
    }
}

/* One bad record, named by line and field, leaves the others as they were. */
static void test_bad_records(void **state)
{
    (void)state;
    check_refused("{\"prompt\":\"a\",\"completion\":\"b\"}\n{\"prompt\":\"a\"}\n", 1,
                  ":2: expected samples or completion, got neither");
    check_refused("{\"prompt\":\"a\",\"samples\":[]}\n{\"prompt\":\"a\",\"completion\":\"b\"}\n", 0,
                  ":1: samples: expected at least one sample");
    check_refused("{\"completion\":\"b\"}\n", 0, ":1: prompt: expected a string");
    check_refused("{\"prompt\":\"a\",\"samples\":[{\"text\":\"b\"},{\"tokens\":[509]}]}\n"
                  "{\"prompt\":\"a\",\"completion\":\"b\"}\n",
                  0, ":1: samples[1]: tokens[0]: expected an id from 0 to 508");
    check_refused("{\"prompt\":\"a\",\"samples\":[{\"text\":\"\",\"tokens\":[]}]}\n", 0,
                  ":1: samples[0]: no tokens");
    check_refused("{\"prompt\":\"a\",\"samples\":[{\"score\":1}]}\n", 0,
                  ":1: samples[0]: text: expected a string, got nothing");
}

/* Tokens that do not spell the text fail the whole, since they are of another vocabulary. */
static void test_other_tokenizer(void **state)
{
    (void)state;
    const char *lines = "{\"prompt\":\"a\",\"samples\":[{\"text\":\"python\",\"tokens\":[9]}]}\n";
    trial *trial = run_likelihood(lines, 4096);
    assert_int_equal(trial->status, -1);
    assert_non_null(strstr(tw_error(), "1 of 1 samples have tokens that do not spell their text"));
    end(trial);
}

/* Weights whose products overflow: the record is refused, for JSON has no NaN. */
static void test_overflow(void **state)
{
    (void)state;
    tw_model *huge = tw_model_open(GPT2, TW_USE_TRAINABLE);
    assert_non_null(huge);
    tw_tensor *gain = tw_params_find(&huge->params, "transformer.ln_f.weight");
    assert_non_null(gain);
    for (size_t i = 0; i < gain->width; i++)
        gain->x[i] = 3e38F;
    trial *trial = tw_alloc(1, sizeof *trial);
    const tw_sequence_options options = options_for(trial, 4096);
    trial->measure = tw_likelihood_measure(huge, &options);
    run(trial, "{\"prompt\":\"a\",\"samples\":[{\"text\":\"b\"}]}\n");
    assert_int_equal(trial->status, 0);
    assert_non_null(trial->errors[0]);
    assert_non_null(strstr(trial->errors[0], ":1: samples[0]: logprobs: token 0 has "));
    end(trial);
    tw_model_free(huge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_likelihood),      cmocka_unit_test(test_guidance),
        cmocka_unit_test(test_independence),    cmocka_unit_test(test_bad_records),
        cmocka_unit_test(test_other_tokenizer), cmocka_unit_test(test_overflow),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
