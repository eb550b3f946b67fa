/* RoBERTa against transformers in double precision (tests/oracle/roberta.py): ids, hidden states,
 * logits, masked-LM loss and gradients of tiny models. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/memory.h"
#include "model/masked-lm.h"
#include "model_folder.h"
#include "recorded.h"
#include "recorded_models.h"
#include "task.h"

/* Relative to the root mean square of the values compared. fp32 rounds to 6e-8, over sums of 40
 * to 512 terms and 1 to 3 layers; gradients sum over up to 547 rows as well. The largest errors
 * seen are less than half of these bounds. */
#define VALUE_TOLERANCE 2e-5
#define GRADIENT_TOLERANCE 1e-4

static int load(void **state)
{
    return open_recorded("roberta", "models", state);
}

static void encodes_texts(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
    const json_t *entry;
    size_t i;
    json_array_foreach(field(recorded, "texts"), i, entry)
    {
        const json_t *text = field(entry, "text");
        size_t count = 0;
        int32_t *expected = tokens_of(field(entry, "ids"), &count);
        tw_ids ids = {0};
        assert_int_equal(
            0, tw_masked_lm_encode(model, json_string_value(text), json_string_length(text), &ids));
        assert_int_equal(count, ids.count);
        assert_memory_equal(expected, ids.ids, count * sizeof *expected);
        free(ids.ids);
        free(expected);
    }
    assert_int_equal(model->config.vocab_size - 1, tw_masked_lm_mask(model));
    tw_model_free(model);
}

/* The text's end goes, </s> stays. */
static void cuts_long_texts(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
    size_t limit = model->config.max_positions, length = 4 * limit;
    char *text = tw_alloc(length, 1);
    for (size_t i = 0; i < length; i++)
        text[i] = i % 2 ? ' ' : (char)('1' + i / 2 % 9);
    tw_ids ids = {0};
    assert_int_equal(1, tw_masked_lm_encode(model, text, length, &ids));
    assert_int_equal(limit, ids.count);
    assert_int_equal(model->config.bos, ids.ids[0]);
    assert_int_equal(model->config.eos, ids.ids[limit - 1]);
    assert_int_not_equal(model->config.eos, ids.ids[limit - 2]);
    free(ids.ids);
    free(text);
    tw_model_free(model);
}

/* Recorded sequences as one batch: `count` of them, or all for SIZE_MAX. */
static task masked_task(size_t count)
{
    task task = {0};
    const json_t *entry;
    size_t s;
    json_array_foreach(field(recorded, "sequences"), s, entry)
    {
        size_t length = 0, first = task.batch.rows, targets = 0, rows = 0;
        if (s == count)
            break;
        int32_t *tokens = tokens_of(field(entry, "tokens"), &length);
        int32_t *at = tokens_of(field(entry, "rows"), &rows);
        int32_t *target = tokens_of(field(entry, "targets"), &targets);
        assert_int_equal(rows, targets);
        tw_batch_add(&task.batch, tokens, length, -1);
        for (size_t i = 0; i < rows; i++)
            add_target(&task, first + (size_t)at[i], target[i]);
        free(target);
        free(at);
        free(tokens);
    }
    allocate_outputs(&task);
    return task;
}

static void computes_states(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
    task task = masked_task(SIZE_MAX);
    size_t width = model->config.hidden_size;
    for (size_t layers = 0; layers <= model->config.layers; layers++) {
        tw_tape *tape = tw_tape_new(false);
        const float *x = tw_masked_lm_states(model, tape, &task.batch, layers)->x;
        const json_t *entry;
        size_t s;
        json_array_foreach(field(recorded, "sequences"), s, entry)
        {
            const tw_segment *segment = &task.batch.segments[s];
            const float *last = x + (segment->first + segment->length - 1) * width;
            check_list(json_array_get(field(entry, "states"), layers), last, width, VALUE_TOLERANCE,
                       "states");
        }
        tw_tape_free(tape);
    }
    free_task(&task);
    tw_model_free(model);
}

static void computes_logits(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
    task task = masked_task(SIZE_MAX);
    size_t vocabulary = model->config.vocab_size, at = 0, s;
    float *logits = tw_alloc(task.count * vocabulary, sizeof *logits);
    tw_tape *tape = tw_tape_new(false);
    tw_lm_logits(model, tape, &task.batch, task.rows, task.count, NULL, 0, logits);
    const json_t *entry;
    json_array_foreach(field(recorded, "sequences"), s, entry)
    {
        size_t rows = json_array_size(field(entry, "rows"));
        check_some(field(entry, "logits"), logits + at * vocabulary, rows * vocabulary,
                   VALUE_TOLERANCE, "logits");
        at += rows;
    }
    /* Those of some ids are the same, but for the order of the sums. */
    const int32_t ids[] = {508, 0, 77};
    float *some = tw_alloc(task.count * 3, sizeof *some);
    tw_lm_logits(model, tape, &task.batch, task.rows, task.count, ids, 3, some);
    for (size_t i = 0; i < task.count; i++)
        for (size_t j = 0; j < 3; j++)
            assert_float_equal(logits[i * vocabulary + (size_t)ids[j]], some[i * 3 + j], 1e-4);
    free(some);
    free(logits);
    tw_tape_free(tape);
    free_task(&task);
    tw_model_free(model);
}

/* A row's logits are the same bits alone and among others. */
static void ignores_neighbours(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
    task all = masked_task(SIZE_MAX), one = masked_task(1);
    size_t vocabulary = model->config.vocab_size;
    float *together = tw_alloc(all.count * vocabulary, sizeof *together);
    float *alone = tw_alloc(one.count * vocabulary, sizeof *alone);
    tw_tape *tape = tw_tape_new(false);
    tw_lm_logits(model, tape, &all.batch, all.rows, all.count, NULL, 0, together);
    tw_lm_logits(model, tape, &one.batch, one.rows, one.count, NULL, 0, alone);
    assert_memory_equal(together, alone, one.count * vocabulary * sizeof *alone);
    tw_tape_free(tape);
    free(alone);
    free(together);
    free_task(&one);
    free_task(&all);
    tw_model_free(model);
}

/* A key's bias moves all scores of a row alike: its gradient is rounding. */
static void check_key_bias(const tw_model *model, const tw_tensor *bias)
{
    const char *end = strstr(bias->name, "key.bias");
    char *name = tw_format("%.*squery.bias", (int)(end - bias->name), bias->name);
    const tw_tensor *query = tw_params_find(&model->params, name);
    double square = 0, of_query = 0;
    for (size_t i = 0; i < bias->width; i++) {
        square += (double)bias->dx[i] * bias->dx[i];
        of_query += (double)query->dx[i] * query->dx[i];
    }
    assert_true(of_query > 0);
    assert_true(sqrt(square) < GRADIENT_TOLERANCE * sqrt(of_query));
    free(name);
}

static void learns(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_TRAINABLE);
    const json_t *sequences = field(recorded, "sequences"), *mean = field(recorded, "mean");
    const json_t *gradients = field(mean, "gradients");
    task task = masked_task(json_array_size(sequences) - 1);
    weigh_evenly(&task);
    tw_token_loss loss = {.targets = task.targets, .nll_weight = task.nll_weight, .nll = task.nll};
    tw_tape *tape = tw_tape_new(true);
    check_loss(mean, tw_lm_loss(model, tape, &task.batch, task.rows, task.count, &loss),
               VALUE_TOLERANCE);
    tw_tape_free(tape);
    for (size_t s = 0, at = 0; s + 1 < json_array_size(sequences); s++) {
        const json_t *nll = field(json_array_get(sequences, s), "nll");
        check_list(nll, task.nll + at, json_array_size(nll), VALUE_TOLERANCE, "nll");
        at += json_array_size(nll);
    }
    assert_int_equal(json_object_size(gradients) + model->config.layers, model->params.count);
    for (size_t i = 0; i < model->params.count; i++) {
        const tw_tensor *tensor = model->params.tensors[i];
        if (strstr(tensor->name, "self.key.bias"))
            check_key_bias(model, tensor);
        else
            check_some(field(gradients, tensor->name), tensor->dx, tensor->rows * tensor->width,
                       GRADIENT_TOLERANCE, tensor->name);
    }
    free_task(&task);
    tw_model_free(model);
}

/* What was saved is what was opened, in one file of fp32, and opens to the same. */
static void saves_what_it_opened(void **state)
{
    (void)state;
    empty_folder();
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
    assert_int_equal(0, tw_model_save(model, folder));
    tw_model *again = open_folder(folder, TW_USE_FROZEN);
    assert_non_null(again->weights); /* the map serves */
    assert_int_equal(model->params.count, again->params.count);
    for (size_t i = 0; i < model->params.count; i++) {
        const tw_tensor *a = model->params.tensors[i], *b = again->params.tensors[i];
        assert_string_equal(a->name, b->name);
        assert_memory_equal(a->x, b->x, a->rows * a->width * sizeof *a->x);
    }
    char *generation = in_folder("generation_config.json");
    assert_int_equal(-1, access(generation, F_OK));
    free(generation);
    const char *kept = getenv("SAVE_TO"); /* for tests/oracle/roberta.py --saved */
    char *keep = tw_format("%s/%s", kept ? kept : "", strrchr(recorded_path, '/') + 1);
    if (kept)
        assert_int_equal(0, mkdir(keep, 0777) || tw_model_save(model, keep));
    free(keep);
    tw_model_free(again);
    tw_model_free(model);
}

/* From scratch: padding is nothing. */
static void initialises(void **state)
{
    (void)state;
    char *config = tw_format("%s/config.json", recorded_path);
    tw_model *model = tw_model_init(config, recorded_path, 5);
    assert_non_null(model);
    size_t w = model->config.hidden_size, pad = (size_t)model->config.pad;
    const float *words = model->output_embedding->x;
    for (size_t i = 0; i < w; i++)
        assert_true(words[pad * w + i] == 0.0F && words[(pad + 1) * w + i] != 0.0F);
    assert_int_equal(-1, tw_model_check_causal(model));
    assert_string_equal(
        "model_type: roberta is a masked language model, which cannot write text; "
        "it can judge it, as a classifier (rank --by classifier) or for BERTScore "
        "(--bertscore-model); \"is_decoder\": true in its config.json makes a causal "
        "one of its weights, that must be trained before it writes",
        tw_error());
    tw_model_free(model);
    free(config);
}

#define TEST(function, model)                                                                      \
    {                                                                                              \
        model ": " #function, function, choose_recorded, leave_recorded, (void *)(model)           \
    }

#define TESTS(model)                                                                               \
    TEST(encodes_texts, model), TEST(cuts_long_texts, model), TEST(computes_states, model),        \
        TEST(computes_logits, model), TEST(ignores_neighbours, model), TEST(learns, model),        \
        TEST(saves_what_it_opened, model), TEST(initialises, model)

int main(void)
{
    const struct CMUnitTest tests[] = {TESTS("tiny"), TESTS("types")};
    return cmocka_run_group_tests(tests, load, close_recorded);
}
