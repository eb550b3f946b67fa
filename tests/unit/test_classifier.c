/* Prompts judged by a classifier, against what PyTorch and sentencepiece find for them
 * (tests/oracle/classifier.py), each pair on its own there and all in a few passes here. */
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
#include "errors.h"
#include "metric/classifier.h"
#include "metric/cloze.h"
#include "metric/verbalizers.h"
#include "recorded.h"
#include "stream/json.h"

/* fp32 here, double there: see test_gpt2.c. Of probabilities, whose size is 1. */
#define TOLERANCE 1e-5

enum { MAX_TEXTS = 16, NUMBERS = TW_CLASSIFIER_NUMBERS };

static char examples_path[] = "/tmp/test_classifier.XXXXXX";
static char records_path[] = "/tmp/test_classifier.XXXXXX";
static char mixed[] = "/tmp/test_classifier.XXXXXX";
static json_t *cases;

/* One model with the tokenizer of another, which puts <s> before a text. */
static const char *const linked[] = {"gpt2/config.json", "gpt2/model.safetensors",
                                     "roberta/tiny/tokenizer.json",
                                     "roberta/tiny/tokenizer_config.json"};
enum { LINKED = sizeof linked / sizeof *linked };

static void make_mixed(void)
{
    assert_non_null(mkdtemp(mixed));
    char *here = getcwd(NULL, 0);
    for (int i = 0; i < LINKED; i++) {
        char *from = tw_format("%s/tests/fixtures/%s", here, linked[i]);
        char *to = tw_join_path(mixed, strrchr(linked[i], '/') + 1);
        assert_int_equal(symlink(from, to), 0);
        free(from);
        free(to);
    }
    free(here);
}

static void remove_mixed(void)
{
    for (int i = 0; i < LINKED; i++) {
        char *path = tw_join_path(mixed, strrchr(linked[i], '/') + 1);
        unlink(path);
        free(path);
    }
    rmdir(mixed);
}

static int setup(void **state)
{
    (void)state;
    make_mixed();
    close(mkstemp(examples_path));
    close(mkstemp(records_path));
    cases = json_load_file("tests/fixtures/classifier.json", 0, NULL);
    assert_non_null(cases);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(examples_path);
    unlink(records_path);
    remove_mixed();
    json_decref(cases);
    return 0;
}

static const char *text_at(const json_t *json, const char *key)
{
    return json_string_value(field(json, key));
}

/* Path of a case's model; the caller frees. */
static char *model_of(const json_t *found)
{
    const char *name = text_at(found, "model");
    if (strcmp(name, text_at(found, "tokenizer")) != 0)
        return tw_strdup(mixed);
    return tw_format("tests/fixtures/%s", name);
}

/* One case's classifier, its examples in examples_path. */
static tw_classifier *open_case(const json_t *found, double fraction, const tw_classifier_run *run)
{
    char *lines = tw_strdup("");
    for (size_t i = 0; i < json_array_size(field(found, "examples")); i++) {
        char *line = tw_json_text(json_array_get(field(found, "examples"), i), NULL);
        char *longer = tw_format("%s%s\n", lines, line);
        free(line);
        free(lines);
        lines = longer;
    }
    assert_int_equal(tw_write_file(examples_path, lines, strlen(lines)), 0);
    free(lines);
    char *model = model_of(found);
    const tw_classifier_options options = {.model = model,
                                           .template = text_at(found, "template"),
                                           .verbalizers = text_at(found, "verbalizers"),
                                           .examples = examples_path,
                                           .fraction = fraction};
    assert_int_equal(tw_classifier_check(&options, "classifier"), 0);
    tw_classifier *classifier = tw_classifier_open(&options, run);
    if (!classifier)
        fail_msg("%s", tw_error());
    free(model);
    return classifier;
}

/* Judges prompts[count] as the samples of one record: values[count][NUMBERS]. */
static void judge(tw_classifier *classifier, int id, const char *const *prompts, size_t count,
                  double *values)
{
    json_t *samples = json_array(), *json = json_object();
    char *path = records_path;
    const tw_records_options need = {.need = TW_NEED_SAMPLES};
    tw_record record;
    for (size_t i = 0; i < count; i++)
        json_array_append_new(samples, json_pack("{s:s}", "text", prompts[i]));
    json_object_set_new(json, "id", json_integer(id));
    json_object_set_new(json, "samples", samples);
    char *line = tw_json_text(json, NULL), *whole = tw_format("%s\n", line);
    assert_int_equal(tw_write_file(path, whole, strlen(whole)), 0);
    tw_records *records = tw_records_open(&path, 1, &need);
    assert_int_equal(tw_records_next(records, &record), 1);
    if (tw_classifier_judge(classifier, &record, values, NUMBERS) != 0)
        fail_msg("%s", tw_error());
    tw_record_clear(&record);
    tw_records_close(records);
    free(line);
    free(whole);
    json_decref(json);
}

static size_t prompts_of(const json_t *found, const char **prompts)
{
    const json_t *list = field(found, "found");
    for (size_t i = 0; i < json_array_size(list); i++)
        prompts[i] = text_at(json_array_get(list, i), "prompt");
    return json_array_size(list);
}

static void check_case(const json_t *found)
{
    const tw_classifier_run run = {.batch_rows = 512};
    const char *prompts[MAX_TEXTS] = {NULL};
    double values[MAX_TEXTS * NUMBERS];
    size_t examples = 0, count = prompts_of(found, prompts);
    tw_classifier *classifier = open_case(found, 1, &run);
    judge(classifier, 1, prompts, count, values);
    for (size_t i = 0; i < count; i++) {
        const json_t *wanted = json_array_get(field(found, "found"), i);
        const double *got = values + i * NUMBERS;
        check_close(json_number_value(field(wanted, "quality")), got[TW_CLASSIFIER_QUALITY], 200,
                    TOLERANCE, "quality");
        check_close(json_number_value(field(wanted, "gap")), got[TW_CLASSIFIER_GAP], 1, TOLERANCE,
                    "gap");
        check_close(json_number_value(field(wanted, "accuracy")), got[TW_CLASSIFIER_ACCURACY], 100,
                    1e-12, "accuracy");
    }
    assert_int_equal(tw_classifier_cut(classifier, &examples),
                     json_integer_value(field(found, "cut")));
    assert_int_equal(examples, json_array_size(field(found, "examples")));
    tw_classifier_free(classifier);
}

static void test_judges_as_transformers(void **state)
{
    (void)state;
    assert_true(json_array_size(cases) >= 7);
    for (size_t i = 0; i < json_array_size(cases); i++)
        check_case(json_array_get(cases, i));
}

/* The numbers of one text and prompt, before they are summed up. */
static void check_pairs(tw_cloze *cloze, const json_t *found, size_t classes)
{
    const json_t *examples = field(found, "examples"), *prompts = field(found, "found");
    const size_t count = json_array_size(prompts);
    tw_cloze_text texts[MAX_TEXTS] = {0};
    float *logits = tw_alloc(json_array_size(examples) * count * classes, sizeof *logits);
    float *at = logits;
    for (size_t e = 0; e < json_array_size(examples); e++) {
        const char *text = text_at(json_array_get(examples, e), "text");
        assert_true(tw_cloze_prepare(cloze, text, strlen(text), &texts[e]) >= 0);
        for (size_t p = 0; p < count; p++, at += classes)
            assert_true(tw_cloze_add(cloze, &texts[e],
                                     text_at(json_array_get(prompts, p), "prompt"), at) >= 0);
    }
    tw_cloze_flush(cloze);
    at = logits;
    for (size_t e = 0; e < json_array_size(examples); e++) {
        for (size_t p = 0; p < count; p++, at += classes) {
            const json_t *each = field(json_array_get(prompts, p), "probabilities");
            double sum = 0;
            for (size_t c = 0; c < classes; c++)
                sum += exp((double)at[c]);
            for (size_t c = 0; c < classes; c++)
                check_close(number_at(json_array_get(each, e), c), exp((double)at[c]) / sum, 1,
                            TOLERANCE, "probability");
        }
        free(texts[e].head.ids);
    }
    free(logits);
}

static void test_probabilities_as_transformers(void **state)
{
    (void)state;
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *found = json_array_get(cases, i);
        char *path = model_of(found);
        int32_t tokens[MAX_TEXTS];
        tw_verbalizers verbalizers;
        tw_model *model = tw_model_open(path, TW_USE_FROZEN);
        tw_template *template = tw_template_parse(text_at(found, "template"));
        assert_int_equal(tw_verbalizers_parse(text_at(found, "verbalizers"), &verbalizers), 0);
        assert_int_equal(tw_verbalizers_tokens(&verbalizers, model->tokenizer, tokens), 0);
        const tw_cloze_options options = {model, template, tokens, verbalizers.count, 300, false};
        tw_cloze *cloze = tw_cloze_new(&options);
        assert_non_null(cloze);
        check_pairs(cloze, found, verbalizers.count);
        tw_cloze_free(cloze);
        tw_verbalizers_clear(&verbalizers);
        tw_template_free(template);
        tw_model_free(model);
        free(path);
    }
}

/* To the bit: in batches of any size, and whatever is judged beside it. */
static void test_same_in_any_company(void **state)
{
    (void)state;
    const size_t rows[] = {1, 40, 333};
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *found = json_array_get(cases, i);
        const char *prompts[MAX_TEXTS] = {NULL};
        const size_t count = prompts_of(found, prompts);
        double all[MAX_TEXTS * NUMBERS], some[MAX_TEXTS * NUMBERS];
        tw_classifier_run run = {.batch_rows = 100000};
        tw_classifier *classifier = open_case(found, 1, &run);
        judge(classifier, 1, prompts, count, all);
        for (size_t p = 0; p < count; p++) {
            judge(classifier, 1, prompts + p, 1, some);
            assert_memory_equal(some, all + p * NUMBERS, NUMBERS * sizeof *all);
        }
        tw_classifier_free(classifier);
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
            run.batch_rows = rows[r];
            classifier = open_case(found, 1, &run);
            judge(classifier, 1, prompts, count, some);
            assert_memory_equal(some, all, count * NUMBERS * sizeof *all);
            tw_classifier_free(classifier);
        }
    }
}

/* A share of the examples: the same for one record and seed, others for others; means over it
 * are within those of all. */
static void test_fraction(void **state)
{
    (void)state;
    const json_t *found = json_array_get(cases, 0);
    const char *prompt = "package of";
    tw_classifier_run run = {.seed = 7, .batch_rows = 512};
    double first[NUMBERS], again[NUMBERS];
    tw_classifier *classifier = open_case(found, 0.5, &run);
    int different = 0;
    judge(classifier, 1, &prompt, 1, first);
    for (int id = 1; id < 20; id++) {
        double value[NUMBERS];
        judge(classifier, id, &prompt, 1, value);
        /* 4 of 8: accuracies are quarters. */
        assert_true(fmod(value[TW_CLASSIFIER_ACCURACY], 25) == 0);
        different += value[TW_CLASSIFIER_QUALITY] != first[TW_CLASSIFIER_QUALITY];
    }
    assert_true(different > 10);
    judge(classifier, 1, &prompt, 1, again);
    assert_memory_equal(first, again, sizeof first);
    tw_classifier_free(classifier);
    run.seed = 8;
    classifier = open_case(found, 0.5, &run);
    judge(classifier, 1, &prompt, 1, again);
    assert_true(first[TW_CLASSIFIER_QUALITY] != again[TW_CLASSIFIER_QUALITY]);
    tw_classifier_free(classifier);
}

static void check_refused(const tw_classifier_options *options, const tw_classifier_run *run,
                          const char *message)
{
    tw_classifier *classifier = tw_classifier_open(options, run);
    assert_null(classifier);
    expect_error(message);
}

static void test_refused(void **state)
{
    (void)state;
    const json_t *found = json_array_get(cases, 0);
    tw_classifier_run run = {.batch_rows = 512};
    tw_classifier_free(open_case(found, 1, &run)); /* fills examples_path */
    tw_classifier_options options = {"tests/fixtures/gpt2", NULL, " images, archives, documents",
                                     examples_path, 1};
    options.template = "{text} {prompt} <mask>";
    check_refused(&options, &run, "--template: <mask> is for a masked language model");
    options.template = NULL;
    options.verbalizers = " images, fonts";
    check_refused(&options, &run,
                  "--verbalizers: \" fonts\": expected one token, got 2: \"▁fo\", \"nts\"");
    options.verbalizers = " images, archives";
    check_refused(&options, &run, ":3: label: expected one of images, archives, or a number");
    options.verbalizers = " images, archives, documents";
    run.strict = true;
    check_refused(&options, &run, ":6: text: with template and prompt more tokens than");
    run.strict = false;
    options.examples = "/dev/null";
    check_refused(&options, &run, "/dev/null: no examples");
    options.examples = "tests/fixtures/nothing";
    check_refused(&options, &run, "tests/fixtures/nothing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judges_as_transformers),
        cmocka_unit_test(test_probabilities_as_transformers),
        cmocka_unit_test(test_same_in_any_company),
        cmocka_unit_test(test_fraction),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
