/* Llama's family against transformers in double precision (tests/oracle/llama.py): logits,
 * losses, gradients, greedy continuations with the cache and an AdamW step of tiny models. */

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
#include "model/decode.h"
#include "model_folder.h"
#include "queue.h"
#include "recorded.h"
#include "recorded_models.h"
#include "task.h"
#include "train/adam.h"

/* Relative to the root mean square of the values compared. Both sides compute norms and angles
 * in fp32, which rounds to 6e-8, over sums of 40 to 120 terms and 1 to 3 layers; gradients sum
 * over 66 rows as well. The largest errors seen are less than half of these bounds. */
#define VALUE_TOLERANCE 2e-5
#define GRADIENT_TOLERANCE 1e-4

static int load(void **state)
{
    return open_recorded("llama", "models", state);
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
        tw_batch batch = {0};
        size_t count = 0;
        int32_t *tokens = tokens_of(field(entry, "tokens"), &count);
        tw_batch_add(&batch, tokens, count, -1);
        tw_tape *tape = tw_tape_new(false);
        const float *x = model->architecture->forward(model, tape, &batch)->x;
        const float *last = x + (count - 1) * width;
        float *logits = tw_alloc(model->config.vocab_size, sizeof *logits);
        for (size_t v = 0; v < model->config.vocab_size; v++)
            for (size_t i = 0; i < width; i++)
                logits[v] += last[i] * model->output_embedding->x[v * width + i];
        check_some(field(entry, "logits"), logits, model->config.vocab_size, VALUE_TOLERANCE,
                   "logits");
        free(logits);
        tw_tape_free(tape);
        tw_batch_free(&batch);
        free(tokens);
    }
    tw_model_free(model);
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
    task task = sequences_task(recorded);
    weigh_evenly(&task);
    const json_t *mean = field(recorded, "mean"), *entry;
    check_loss(mean, run_task(model, &task), VALUE_TOLERANCE);
    size_t s, at = 0;
    json_array_foreach(field(recorded, "sequences"), s, entry)
    {
        const json_t *nll = field(entry, "nll");
        check_list(nll, task.nll + at, json_array_size(nll), VALUE_TOLERANCE, "nll");
        at += json_array_size(nll);
    }
    assert_int_equal(at, task.count);
    check_gradients(model, field(mean, "gradients"), GRADIENT_TOLERANCE);
    check_step(model);
    free_task(&task);
    tw_model_free(model);
}

/* One computation of the prompt serves its children, backward too. */
static void shares_a_prompt(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_TRAINABLE);
    task task = tree_task(recorded);
    weigh_evenly(&task);
    const json_t *tree = field(recorded, "tree"), *nll;
    check_loss(tree, run_task(model, &task), VALUE_TOLERANCE);
    size_t c, at = 0;
    json_array_foreach(field(tree, "nll"), c, nll)
    {
        check_list(nll, task.nll + at, json_array_size(nll), VALUE_TOLERANCE, "nll of a child");
        at += json_array_size(nll);
    }
    assert_int_equal(at, task.count);
    check_gradients(model, field(tree, "gradients"), GRADIENT_TOLERANCE);
    free_task(&task);
    tw_model_free(model);
}

/* All prompts at once: keys and values come from the cache. */
static void continues_greedily(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
    const json_t *greedy = field(recorded, "greedy"), *entry;
    queue queue = {.count = json_array_size(greedy)};
    assert_in_range(queue.count, 1, MAX_REQUESTS);
    size_t e;
    json_array_foreach(greedy, e, entry)
    {
        tw_request *request = &queue.requests[e];
        request->count = 1;
        request->prompt = tokens_of(field(entry, "prompt"), &request->length);
    }
    tw_decode_options options = {
        .sampling = tw_sampling_defaults, .max_new_tokens = 64, .batch_tokens = 1000};
    options.sampling.greedy = true;
    const tw_decode_calls calls = calls_of(&queue);
    assert_int_equal(0, tw_decode(model, &options, &calls));
    assert_int_equal(queue.count, queue.done);
    json_array_foreach(greedy, e, entry)
    {
        size_t count = 0;
        int32_t *expected = tokens_of(field(entry, "tokens"), &count);
        const tw_sample *sample = &queue.requests[e].samples[0];
        assert_int_equal(count, sample->count);
        assert_memory_equal(expected, sample->tokens, count * sizeof *expected);
        free(expected);
        free((void *)queue.requests[e].prompt);
        tw_request_clear(&queue.requests[e]);
    }
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
    assert_non_null(again->weights); /* the map serves */
    assert_int_equal(model->params.count, again->params.count);
    for (size_t i = 0; i < model->params.count; i++) {
        const tw_tensor *a = model->params.tensors[i], *b = again->params.tensors[i];
        assert_string_equal(a->name, b->name);
        assert_memory_equal(a->x, b->x, a->rows * a->width * sizeof *a->x);
    }
    assert_memory_equal(&model->config.rope, &again->config.rope, sizeof model->config.rope);
    tw_model_free(again);
    tw_model_free(model);
}

#define TEST(function, model)                                                                      \
    {                                                                                              \
        model ": " #function, function, choose_recorded, leave_recorded, (void *)(model)           \
    }

#define TESTS(model)                                                                               \
    TEST(computes_logits, model), TEST(trains_on_the_mean, model), TEST(shares_a_prompt, model),   \
        TEST(continues_greedily, model), TEST(saves_what_it_opened, model)

int main(void)
{
    const struct CMUnitTest tests[] = {TESTS("llama3"), TESTS("tied"), TESTS("mistral"),
                                       TESTS("qwen2"), TESTS("qwen3")};
    return cmocka_run_group_tests(tests, load, close_recorded);
}
