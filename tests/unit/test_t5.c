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
#include <string.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "model/decode.h"
#include "model/prompt.h"
#include "model_folder.h"
#include "queue.h"
#include "recorded.h"
#include "recorded_models.h"
#include "task.h"
#include "train/adam.h"
#include "train/forest.h"

/* Relative to the root mean square of the values compared. Both sides compute norms and the
 * softmax of attention in fp32, which rounds to 6e-8, over sums of 20 to 150 terms; gradients
 * sum over 150 rows as well. The largest errors seen are less than a quarter of these bounds. */
#define VALUE_TOLERANCE 2e-5
#define GRADIENT_TOLERANCE 1e-4

static int load(void **state)
{
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

/* A source, and the tokens of continuations in turn. */
static void add_entry(const tw_model *model, tw_forest *forest, const json_t *source,
                      const json_t *continuations)
{
    size_t length = 0, i;
    int32_t *ids = tokens_of(source, &length);
    size_t segment = tw_forest_prompt(forest, model, ids, length);
    free(ids);
    const json_t *tokens;
    json_array_foreach(continuations, i, tokens)
    {
        ids = tokens_of(tokens, &length);
        tw_forest_completion(forest, segment, ids, length);
        free(ids);
    }
}

static void computes_logits(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
    tw_params_own(&model->params); /* to be read here too, as fp32 */
    size_t width = model->config.hidden_size, s;
    const json_t *entry;
    json_array_foreach(field(recorded, "sequences"), s, entry)
    {
        tw_forest forest = {0};
        json_t *one = json_pack("[O]", field(entry, "tokens"));
        add_entry(model, &forest, field(entry, "source"), one);
        json_decref(one);
        tw_tape *tape = tw_tape_new(false);
        tw_tensor *x = model->architecture->forward(model, tape, &forest.batch);
        const float *last =
            tw_model_states(model, tape, x)->x + forest.rows[forest.count - 1] * width;
        float *logits = tw_alloc(model->config.vocab_size, sizeof *logits);
        for (size_t v = 0; v < model->config.vocab_size; v++)
            for (size_t i = 0; i < width; i++)
                logits[v] += last[i] * model->output_embedding->x[v * width + i];
        check_some(field(entry, "logits"), logits, model->config.vocab_size, VALUE_TOLERANCE,
                   "logits");
        free(logits);
        tw_tape_free(tape);
        tw_forest_free(&forest);
    }
    tw_model_free(model);
}

/* The mean nll of a forest against what is recorded, gradients too. */
static void check_forest(const tw_model *model, tw_forest *forest, const json_t *expected)
{
    for (size_t i = 0; i < forest->count; i++)
        forest->nll_weight[i] = 1.0F / (float)forest->count;
    tw_tape *tape = tw_tape_new(true);
    check_loss(expected, tw_forest_loss(forest, model, tape), VALUE_TOLERANCE);
    check_gradients(model, field(expected, "gradients"), GRADIENT_TOLERANCE);
    tw_tape_free(tape);
}

static void check_step(tw_model *model)
{
    const json_t *adamw = field(recorded, "adamw");
    tw_adam_options options = tw_adam_defaults;
    options.weight_decay = json_number_value(field(adamw, "weight_decay"));
    tw_adam adam;
    tw_adam_init(&adam, &model->params, &options);
    tw_adam_step(&adam, json_number_value(field(adamw, "learning_rate")), 1.0);
    for (size_t i = 0; i < model->params.count; i++) {
        const tw_tensor *tensor = model->params.tensors[i];
        check_some(field(field(adamw, "weights"), tensor->name), tensor->x,
                   tensor->rows * tensor->width, GRADIENT_TOLERANCE, tensor->name);
    }
    tw_adam_free(&adam);
}

/* nll of every token, the mean loss and its gradients, then a step. */
static void trains_on_the_mean(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_TRAINABLE);
    tw_forest forest = {0};
    const json_t *sequences = field(recorded, "sequences"), *entry;
    size_t s, at = 0;
    json_array_foreach(sequences, s, entry)
    {
        json_t *one = json_pack("[O]", field(entry, "tokens"));
        add_entry(model, &forest, field(entry, "source"), one);
        json_decref(one);
    }
    check_forest(model, &forest, field(recorded, "mean"));
    json_array_foreach(sequences, s, entry)
    {
        const json_t *nll = field(entry, "nll");
        check_list(nll, forest.nll + at, json_array_size(nll), VALUE_TOLERANCE, "nll");
        at += json_array_size(nll);
    }
    assert_int_equal(at, forest.count);
    check_step(model);
    tw_forest_free(&forest);
    tw_model_free(model);
}

/* One run of the encoder serves all continuations, backward too. */
static void shares_a_source(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_TRAINABLE);
    tw_forest forest = {0};
    const json_t *tree = field(recorded, "tree"), *nll;
    add_entry(model, &forest, field(tree, "source"), field(tree, "children"));
    assert_int_equal(json_array_size(field(tree, "source")), forest.batch.encoder->rows);
    check_forest(model, &forest, tree);
    size_t c, at = 0;
    json_array_foreach(field(tree, "nll"), c, nll)
    {
        check_list(nll, forest.nll + at, json_array_size(nll), VALUE_TOLERANCE, "nll of a child");
        at += json_array_size(nll);
    }
    assert_int_equal(at, forest.count);
    tw_forest_free(&forest);
    tw_model_free(model);
}

enum { SAMPLES = 3 };

/* Decodes the recorded sources. */
static queue decode(const tw_model *model, const tw_decode_options *options, size_t samples)
{
    const json_t *greedy = field(recorded, "greedy"), *entry;
    queue queue = {.count = json_array_size(greedy)};
    assert_in_range(queue.count, 1, MAX_REQUESTS);
    size_t e;
    json_array_foreach(greedy, e, entry)
    {
        tw_request *request = &queue.requests[e];
        request->count = samples;
        request->key = e;
        request->prompt = tokens_of(field(entry, "source"), &request->length);
    }
    const tw_decode_calls calls = calls_of(&queue);
    assert_int_equal(0, tw_decode(model, options, &calls));
    assert_int_equal(queue.count, queue.done);
    return queue;
}

static void clear(queue *queue)
{
    for (size_t i = 0; i < queue->count; i++) {
        free((void *)queue->requests[i].prompt);
        tw_request_clear(&queue->requests[i]);
    }
}

/* All prompts at once: keys and values come from the cache. */
static void continues_greedily(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
    tw_decode_options options = {
        .sampling = tw_sampling_defaults, .max_new_tokens = 64, .batch_tokens = 1000};
    options.sampling.greedy = true;
    queue queue = decode(model, &options, 1);
    const json_t *entry;
    size_t e;
    json_array_foreach(field(recorded, "greedy"), e, entry)
    {
        size_t count = 0;
        int32_t *expected = tokens_of(field(entry, "tokens"), &count);
        const tw_sample *sample = &queue.requests[e].samples[0];
        assert_int_equal(count, sample->count);
        assert_memory_equal(expected, sample->tokens, count * sizeof *expected);
        free(expected);
    }
    clear(&queue);
    tw_model_free(model);
}

/* Samples are the same to the bit with few tokens under way and with one sample less, and
 * their log-probabilities are those of the whole text read at once. */
static void samples_the_same(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
    tw_decode_options options = {
        .sampling = tw_sampling_defaults, .seed = 5, .max_new_tokens = 80, .batch_tokens = 4000};
    queue all = decode(model, &options, SAMPLES);
    options.batch_tokens = 1;
    queue few = decode(model, &options, SAMPLES - 1);
    tw_forest forest = {0};
    for (size_t i = 0; i < all.count; i++) {
        const tw_request *request = &all.requests[i];
        size_t segment = tw_forest_prompt(&forest, model, request->prompt, request->length);
        for (size_t k = 0; k < SAMPLES; k++) {
            const tw_sample *a = &request->samples[k], *b = &few.requests[i].samples[k];
            tw_forest_completion(&forest, segment, a->tokens, a->count);
            if (k + 1 == SAMPLES)
                continue;
            assert_int_equal(a->count, b->count);
            assert_memory_equal(a->tokens, b->tokens, a->count * sizeof *a->tokens);
            assert_memory_equal(a->logprobs, b->logprobs, a->count * sizeof *a->logprobs);
        }
    }
    tw_tape *tape = tw_tape_new(false);
    tw_forest_loss(&forest, model, tape);
    for (size_t i = 0, at = 0; i < all.count * SAMPLES; i++) {
        const tw_sample *sample = &all.requests[i / SAMPLES].samples[i % SAMPLES];
        for (size_t t = 0; t < sample->count; t++, at++)
            check_close(-(double)forest.nll[at], (double)sample->logprobs[t],
                        1 + (double)forest.nll[at], VALUE_TOLERANCE, "log-probability");
    }
    tw_tape_free(tape);
    tw_forest_free(&forest);
    clear(&all);
    clear(&few);
    tw_model_free(model);
}

/* What was saved is what was opened, in one file of fp32, and opens to the same. */
static void saves_what_it_opened(void **state)
{
    (void)state;
    empty_folder();
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
    tw_params_own(&model->params);
    assert_int_equal(0, tw_model_save(model, folder));
    tw_model *again = open_folder(folder, TW_USE_FROZEN);
    assert_int_equal(model->params.count, again->params.count);
    for (size_t i = 0; i < model->params.count; i++) {
        const tw_tensor *a = model->params.tensors[i], *b = again->params.tensors[i];
        assert_string_equal(a->name, b->name);
        assert_memory_equal(a->x, b->x, a->rows * a->width * sizeof *a->x);
    }
    tw_model_free(again);
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

#define TEST(function, model)                                                                      \
    {                                                                                              \
        model ": " #function, function, choose_recorded, leave_recorded, (void *)(model)           \
    }

#define TESTS(model)                                                                               \
    TEST(computes_logits, model), TEST(trains_on_the_mean, model), TEST(shares_a_source, model),   \
        TEST(continues_greedily, model), TEST(samples_the_same, model),                            \
        TEST(saves_what_it_opened, model), TEST(initialises, model)

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(computes_buckets), TESTS("v10"),
                                       TESTS("v11"), TESTS("silu")};
    return cmocka_run_group_tests(tests, load, close_recorded);
}
