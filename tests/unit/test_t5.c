/* T5 against transformers in double precision (tests/oracle/t5.py): logits, losses, gradients,
 * greedy continuations with the cache and an AdamW step of tiny models. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "core/file.h"
#include "model_folder.h"
#include "model_tests.h"
#include "queue.h"
#include "recorded.h"
#include "recorded_models.h"
#include "train/forest.h"

/* Both sides compute norms and the softmax of attention in fp32, which rounds to 6e-8, over sums
 * of 20 to 150 terms; gradients sum over 150 rows as well. The largest errors seen are less than a
 * quarter of these bounds. */
static int load(void **state)
{
    within = (tolerances){.value = 2e-5, .gradient = 1e-4, .weight = 1e-4};
    return open_recorded("t5", "models", state);
}

static void computes_buckets(void **state)
{
    (void)state;
    const json_t *rule;
    size_t r;
    json_array_foreach(field(recorded_file, "buckets"), r, rule)
    {
        size_t buckets = (size_t)json_integer_value(field(rule, "buckets"));
        tw_buckets how = {(size_t)json_integer_value(field(rule, "max_distance")),
                          json_is_true(field(rule, "bidirectional"))};
        const json_t *of = field(rule, "of");
        int64_t first = -(int64_t)(json_array_size(of) / 2);
        assert_int_equal(601, json_array_size(of));
        for (size_t i = 0; i < json_array_size(of); i++)
            assert_int_equal(json_integer_value(json_array_get(of, i)),
                             tw_relative_bucket(first + (int64_t)i, buckets, how));
    }
}

enum { SAMPLES = 3 };

/* Samples are the same to the bit with few tokens under way and with one sample less, and
 * their log-probabilities are those of the whole text read at once. */
static void samples_the_same(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
    const json_t *greedy = field(recorded, "greedy");
    tw_decode_options options = {
        .sampling = tw_sampling_defaults, .seed = 5, .max_new_tokens = 80, .batch_tokens = 4000};
    queue all = decode_entries(model, &options, greedy, "source", SAMPLES);
    options.batch_tokens = 1;
    queue few = decode_entries(model, &options, greedy, "source", SAMPLES - 1);
    tw_forest forest = {0};
    for (size_t i = 0; i < all.count; i++) {
        const tw_request *request = &all.requests[i];
        size_t segment = tw_forest_prompt(&forest, model, request->prompt, request->length);
        for (size_t k = 0; k < SAMPLES; k++) {
            const tw_sample *a = &request->samples[k], *b = &few.requests[i].samples[k];
            tw_forest_completion(&forest, segment, a->tokens, a->count);
            if (k + 1 < SAMPLES)
                check_same_sample(a, b);
        }
    }
    tw_tape *tape = tw_tape_new(false);
    tw_forest_loss(&forest, model, tape);
    for (size_t i = 0, at = 0; i < all.count * SAMPLES; i++) {
        const tw_sample *sample = &all.requests[i / SAMPLES].samples[i % SAMPLES];
        for (size_t t = 0; t < sample->count; t++, at++)
            check_close(-(double)forest.nll[at], (double)sample->logprobs[t],
                        1 + (double)forest.nll[at], within.value, "log-probability");
    }
    tw_tape_free(tape);
    tw_forest_free(&forest);
    clear_queue(&all);
    clear_queue(&few);
    tw_model_free(model);
}

/* Each parameter of a fresh model has the spread that transformers draws it with. */
static void initialises(void **state)
{
    (void)state;
    char *config = tw_join_path(recorded_path, "config.json");
    const tw_model *model = tw_model_init(config, VOCABULARY, 3);
    assert_non_null(model);
    for (size_t i = 0; i < model->params.count; i++) {
        const tw_tensor *tensor = model->params.tensors[i];
        size_t count = tensor->rows * tensor->width;
        double expected = json_number_value(field(field(recorded, "initial"), tensor->name));
        double square = 0;
        for (size_t j = 0; j < count; j++)
            square += (double)tensor->x[j] * (double)tensor->x[j];
        double found = sqrt(square / (double)count);
        if (expected == 0)
            assert_true(found == 1);
        else /* five standard deviations of what n draws give */
            check_close(expected, found, expected, 5 / sqrt(2 * (double)count), tensor->name);
    }
    tw_model_free((tw_model *)model);
    free(config);
}

#define TESTS(model)                                                                               \
    RECORDED_TEST(computes_logits, model), RECORDED_TEST(trains_on_the_mean, model),               \
        RECORDED_TEST(shares_a_prompt, model), RECORDED_TEST(continues_greedily, model),           \
        RECORDED_TEST(samples_the_same, model), RECORDED_TEST(saves_what_it_opened, model),        \
        RECORDED_TEST(initialises, model)

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(computes_buckets), TESTS("v10"),
                                       TESTS("v11"), TESTS("silu")};
    return cmocka_run_group_tests(tests, load, close_recorded);
}
