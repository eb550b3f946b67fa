/* BERTScore against bert_score (tests/oracle/bertscore.py), and its parts by hand. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "metric/bertscore.h"
#include "metric/greedy_match.h"
#include "model_folder.h"
#include "recorded.h"

#define TINY "tests/fixtures/roberta/tiny"

/* On the scale 0..100. Both sides compute in fp32: cosines near 1 are off by 1e-7 or so, and their
 * means over up to 512 tokens no more. The largest difference seen is less than half of it. */
#define TOLERANCE 1e-4

static json_t *file;

static int load(void **state)
{
    (void)state;
    file = json_load_file("tests/fixtures/bertscore.json", 0, NULL);
    return file ? make_folder(state) : -1;
}

static int unload(void **state)
{
    (void)state;
    json_decref(file);
    return remove_folder(state);
}

static tw_bertscore *scorer_of(int64_t layer, size_t batch_rows)
{
    tw_bertscore *scorer =
        tw_bertscore_open(&(tw_bertscore_options){TINY, layer, NULL, batch_rows});
    if (!scorer)
        fail_msg("%s", tw_error());
    return scorer;
}

/* All recorded pairs at once; values are borrowed from the scorer. */
static const double *score_recorded(tw_bertscore *scorer, size_t *count)
{
    const json_t *group, *candidate;
    size_t g, c;
    *count = 0;
    json_array_foreach(field(file, "groups"), g, group)
    {
        const json_t *text = field(group, "reference");
        assert_int_equal(
            0, tw_bertscore_reference(scorer, json_string_value(text), json_string_length(text)));
        json_array_foreach(field(group, "candidates"), c, candidate)
        {
            text = field(candidate, "text");
            assert_int_equal((*count)++, tw_bertscore_candidate(scorer, json_string_value(text),
                                                                json_string_length(text)));
        }
    }
    return tw_bertscore_run(scorer);
}

static void agrees_with_bert_score(void **state)
{
    (void)state;
    static const char *const keys[] = {"f1", "precision", "recall"};
    tw_bertscore *scorer = scorer_of(json_integer_value(field(file, "layer")), 300);
    size_t count = 0, g, c;
    const double *values = score_recorded(scorer, &count);
    const json_t *group, *candidate;
    assert_true(count > 30);
    json_array_foreach(field(file, "groups"), g, group)
    {
        json_array_foreach(field(group, "candidates"), c, candidate)
        {
            for (size_t n = 0; n < TW_BERTSCORE_NUMBERS; n++)
                check_close(100 * json_number_value(field(candidate, keys[n])), *values++, 1,
                            TOLERANCE, json_string_value(field(candidate, "text")));
        }
    }
    assert_int_equal(3, tw_bertscore_cut(scorer));
    tw_bertscore_free(scorer);
}

/* The same bits in one pass, in many, and again. */
static void ignores_what_is_beside_it(void **state)
{
    (void)state;
    tw_bertscore *wide = scorer_of(TW_BERTSCORE_USUAL, 1 << 20),
                 *narrow = scorer_of(TW_BERTSCORE_USUAL, 1);
    size_t count = 0;
    const double *all = score_recorded(wide, &count), *each = score_recorded(narrow, &count);
    assert_memory_equal(all, each, count * TW_BERTSCORE_NUMBERS * sizeof *all);
    double *kept = tw_alloc(count * TW_BERTSCORE_NUMBERS, sizeof *kept);
    memcpy(kept, all, count * TW_BERTSCORE_NUMBERS * sizeof *kept);
    assert_memory_equal(kept, score_recorded(wide, &count),
                        count * TW_BERTSCORE_NUMBERS * sizeof *kept);
    free(kept);
    tw_bertscore_free(narrow);
    tw_bertscore_free(wide);
}

/* A model of three layers has no usual one: it is the last. */
static void takes_the_layer(void **state)
{
    (void)state;
    size_t count = 0;
    double first[4];
    for (int64_t layer = -1; layer <= 2; layer++) {
        tw_bertscore *scorer = scorer_of(layer < 0 ? TW_BERTSCORE_USUAL : layer + 1, 100);
        first[layer + 1] = score_recorded(scorer, &count)[TW_BERTSCORE_NUMBERS];
        tw_bertscore_free(scorer);
    }
    assert_true(first[0] == first[3] && first[1] != first[2] && first[2] != first[3]);
    assert_null(tw_bertscore_open(&(tw_bertscore_options){TINY, 4, NULL, 100}));
    assert_string_equal(TINY ": layer 4: the model has 3", tw_error());
    assert_null(tw_bertscore_open(&(tw_bertscore_options){GPT2, 1, NULL, 100}));
    assert_string_equal(GPT2 ": GPT2LMHeadModel is not a masked language model (RobertaForMaskedLM "
                             "is: model_type roberta, is_decoder not true)",
                        tw_error());
}

/* A random model of so many layers, in the test's own folder. */
static void make_layers(size_t layers)
{
    empty_folder();
    char *config =
        tw_format("{\"model_type\": \"roberta\", \"vocab_size\": 509, \"hidden_size\": 8, "
                  "\"num_attention_heads\": 2, \"intermediate_size\": 8, "
                  "\"max_position_embeddings\": 60, \"num_hidden_layers\": %zu}",
                  layers);
    folder_put("config.json", config, strlen(config));
    char *path = in_folder("config.json");
    tw_model *model = tw_model_init(path, TINY, 3);
    assert_non_null(model);
    assert_int_equal(0, tw_model_save(model, folder));
    tw_model_free(model);
    free(path);
    free(config);
}

static double one_score(int64_t layer)
{
    tw_bertscore *scorer = tw_bertscore_open(&(tw_bertscore_options){folder, layer, NULL, 100});
    assert_non_null(scorer);
    tw_bertscore_reference(scorer, "It reads files.", 15);
    tw_bertscore_candidate(scorer, "A file is read", 14);
    double score = tw_bertscore_run(scorer)[TW_BERTSCORE_F1];
    tw_bertscore_free(scorer);
    return score;
}

/* bert_score's for distilroberta-base, roberta-base and roberta-large. */
static void knows_the_usual_layers(void **state)
{
    (void)state;
    static const struct {
        size_t layers;
        int64_t usual;
    } sizes[] = {{6, 5}, {12, 10}, {24, 17}, {4, 4}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        make_layers(sizes[i].layers);
        const double usual = one_score(TW_BERTSCORE_USUAL);
        assert_true(usual == one_score(sizes[i].usual));
        assert_true(usual != one_score(sizes[i].usual - 1));
    }
}

/* Cosines: 1 0.6 / 0 0.8 / -1 -0.6, candidates by references. */
static const float candidate_x[] = {1, 0, 0, 1, -1, 0}, reference_x[] = {1, 0, 0.6F, 0.8F};

static void matches_greedily(void **state)
{
    (void)state;
    const float even[] = {1, 1, 1}, some[] = {0, 1, 3};
    tw_scratch scratch = {0};
    tw_likeness found = tw_greedy_match(&(tw_vectors){reference_x, even, 2},
                                        &(tw_vectors){candidate_x, even, 3}, 2, &scratch);
    const double precision = (1 + 0.8 - 0.6) / 3, recall = (1 + 0.8) / 2;
    assert_float_equal(precision, found.precision, 1e-6);
    assert_float_equal(recall, found.recall, 1e-6);
    assert_float_equal(2 * precision * recall / (precision + recall), found.f1, 1e-6);
    found = tw_greedy_match(&(tw_vectors){reference_x, some, 2},
                            &(tw_vectors){candidate_x, some, 3}, 2, &scratch);
    assert_float_equal((0.8 - 3 * 0.6) / 4, found.precision, 1e-6);
    assert_float_equal(0.8, found.recall, 1e-6);
    const float none[] = {0, 0, 0};
    found = tw_greedy_match(&(tw_vectors){reference_x, even, 2},
                            &(tw_vectors){candidate_x, none, 3}, 2, &scratch);
    assert_true(found.precision == 0 && found.recall == 0 && found.f1 == 0);
    free(scratch.data);
}

/* A block of three records: two samples, no completion, no samples. */
static void measures_records(void **state)
{
    (void)state;
    tw_bertscore *scorer = scorer_of(TW_BERTSCORE_USUAL, 100);
    tw_measure *measure = tw_bertscore_measure(scorer, false);
    tw_measure *lenient = tw_bertscore_measure(scorer, true);
    tw_block block = {.count = 3};
    for (size_t i = 0; i < block.count; i++)
        block.records[i] = (tw_record){.file = "f", .line = i + 1, .completion = "x"};
    json_t *samples = json_pack("[{s:s},{s:s}]", "text", "x", "text", "y");
    block.records[0].samples = block.records[1].samples = samples;
    block.records[1].completion = NULL;
    double values[9] = {0}, weights[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    char *errors[3] = {NULL};
    const tw_findings findings = {values, weights, 3, errors};
    assert_int_equal(0, measure->run(measure, &block, &findings));
    tw_bertscore *other = scorer_of(TW_BERTSCORE_USUAL, 100);
    tw_bertscore_reference(other, "x", 1);
    tw_bertscore_candidate(other, "x", 1);
    tw_bertscore_candidate(other, "y", 1);
    const double *each = tw_bertscore_run(other);
    for (size_t n = 0; n < 3; n++)
        assert_float_equal((each[n] + each[3 + n]) / 2, values[n], 1e-9);
    assert_null(errors[0]);
    assert_string_equal(
        "f:2: completion: expected a string for bertscore to compare with, got nothing", errors[1]);
    assert_string_equal("f:3: samples: expected at least one for bertscore to compare, got nothing",
                        errors[2]);
    free(errors[1]);
    free(errors[2]);
    errors[1] = errors[2] = NULL;
    assert_int_equal(0, lenient->run(lenient, &block, &findings));
    assert_true(!errors[1] && !errors[2] && weights[0] == 1 && weights[3] == 0 && weights[8] == 0);
    json_decref(samples);
    tw_bertscore_free(other);
    lenient->free(lenient);
    measure->free(measure);
    tw_bertscore_free(scorer);
}

/* Huge states are numbers, but the squares of their lengths are not. */
static void refuses_what_overflows(void **state)
{
    (void)state;
    make_layers(1);
    tw_model *huge = open_folder(folder, TW_USE_TRAINABLE);
    tw_tensor *gain =
        tw_params_find(&huge->params, "roberta.encoder.layer.0.output.LayerNorm.weight");
    for (size_t i = 0; i < gain->width; i++)
        gain->x[i] = 1e30F;
    empty_folder();
    assert_int_equal(0, tw_model_save(huge, folder));
    tw_model_free(huge);
    tw_bertscore *scorer = tw_bertscore_open(&(tw_bertscore_options){folder, 1, NULL, 100});
    tw_block block = {.count = 1};
    json_t *samples = json_pack("[{s:s}]", "text", "x");
    block.records[0] = (tw_record){.file = "f", .line = 1, .completion = "y", .samples = samples};
    double numbers[TW_BERTSCORE_NUMBERS], *values[TW_BLOCK_RECORDS] = {numbers};
    char *errors[TW_BLOCK_RECORDS] = {NULL};
    tw_bertscore_block(scorer, &block, values, TW_BERTSCORE_NUMBERS, errors);
    assert_non_null(errors[0]);
    assert_non_null(strstr(errors[0], "f:1: samples[0]: bertscore"));
    assert_non_null(strstr(errors[0], "the model's numbers overflow"));
    free(errors[0]);
    json_decref(samples);
    tw_bertscore_free(scorer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_greedily),          cmocka_unit_test(agrees_with_bert_score),
        cmocka_unit_test(ignores_what_is_beside_it), cmocka_unit_test(takes_the_layer),
        cmocka_unit_test(knows_the_usual_layers),    cmocka_unit_test(refuses_what_overflows),
        cmocka_unit_test(measures_records),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
