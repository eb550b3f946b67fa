#include "model_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "model_folder.h"
#include "queue.h"
#include "recorded.h"
#include "recorded_models.h"
#include "train/adam.h"

tolerances within;

static task recorded_sequences(const tw_model *model)
{
    return tw_has_encoder(&model->config) ? source_sequences_task(model, recorded)
                                          : sequences_task(recorded);
}

static task recorded_tree(const tw_model *model)
{
    return tw_has_encoder(&model->config) ? source_tree_task(model, recorded) : tree_task(recorded);
}

void check_logits(const tw_model *model, const tw_batch *batch, size_t row, const json_t *expected)
{
    size_t width = model->config.hidden_size, vocabulary = model->config.vocab_size;
    tw_tape *tape = tw_tape_new(false);
    tw_tensor *hidden = model->architecture->forward(model, tape, batch);
    const float *x = tw_model_states(model, tape, hidden)->x + row * width;
    float *logits = tw_alloc(vocabulary, sizeof *logits);
    if (model->output_bias)
        memcpy(logits, model->output_bias->x, vocabulary * sizeof *logits);
    for (size_t v = 0; v < vocabulary; v++)
        for (size_t i = 0; i < width; i++)
            logits[v] += x[i] * model->output_embedding->x[v * width + i];
    check_some(expected, logits, vocabulary, within.value, "logits");
    free(logits);
    tw_tape_free(tape);
}

void computes_logits(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
    tw_params_own(&model->params); /* to be read here too, as fp32 */
    const json_t *entry;
    size_t s;
    json_array_foreach(field(recorded, "sequences"), s, entry)
    {
        json_t *alone = json_pack("{s[O]}", "sequences", entry);
        task task = tw_has_encoder(&model->config) ? source_sequences_task(model, alone)
                                                   : sequences_task(alone);
        check_logits(model, &task.batch, task.batch.rows - 1, field(entry, "logits"));
        free_task(&task);
        json_decref(alone);
    }
    tw_model_free(model);
}

void check_mean(const tw_model *model, task *task, const json_t *expected, const json_t *entries,
                const char *key)
{
    weigh_evenly(task);
    check_loss(expected, run_task(model, task), within.value);
    check_entries(entries, key, task->nll, task->count, within.value, "nll");
    check_gradients(model, field(expected, "gradients"), within.gradient);
}

void check_step(tw_model *model, const json_t *adamw)
{
    tw_adam_options options = tw_adam_defaults;
    options.weight_decay = json_number_value(field(adamw, "weight_decay"));
    tw_adam adam;
    tw_adam_init(&adam, tw_model_trained(model), &options);
    tw_adam_step(&adam, json_number_value(field(adamw, "learning_rate")), 1.0);
    check_weights(model, field(adamw, "weights"), within.weight);
    tw_adam_free(&adam);
}

void trains_on_the_mean(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_TRAINABLE);
    task task = recorded_sequences(model);
    check_mean(model, &task, field(recorded, "mean"), field(recorded, "sequences"), "nll");
    check_step(model, field(recorded, "adamw"));
    free_task(&task);
    tw_model_free(model);
}

void shares_a_prompt(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_TRAINABLE);
    task task = recorded_tree(model);
    const json_t *tree = field(recorded, "tree");
    check_mean(model, &task, tree, field(tree, "nll"), NULL);
    free_task(&task);
    tw_model_free(model);
}

void continues_greedily(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
    tw_decode_options options = {
        .sampling = tw_sampling_defaults, .max_new_tokens = 64, .batch_tokens = 1000};
    options.sampling.greedy = true;
    const json_t *greedy = field(recorded, "greedy"), *entry;
    const char *key = tw_has_encoder(&model->config) ? "source" : "prompt";
    queue queue = decode_entries(model, &options, greedy, key, 1);
    size_t e;
    json_array_foreach(greedy, e, entry)
    {
        size_t count = 0;
        int32_t *expected = tokens_of(field(entry, "tokens"), &count);
        const tw_sample *sample = &queue.requests[e].samples[0];
        assert_int_equal(count, sample->count);
        assert_memory_equal(expected, sample->tokens, count * sizeof *expected);
        free(expected);
    }
    clear_queue(&queue);
    tw_model_free(model);
}

tw_model *saved_again(const tw_model *model)
{
    empty_folder();
    assert_int_equal(0, tw_model_save(model, folder));
    return open_folder(folder, TW_USE_FROZEN);
}

static void check_same_values(const tw_model *model, const tw_model *again)
{
    assert_int_equal(model->params.count, again->params.count);
    for (size_t i = 0; i < model->params.count; i++) {
        const tw_tensor *a = model->params.tensors[i], *b = again->params.tensors[i];
        assert_string_equal(a->name, b->name);
        assert_memory_equal(a->x, b->x, a->rows * a->width * sizeof *a->x);
    }
    assert_memory_equal(&model->config.rope, &again->config.rope, sizeof model->config.rope);
}

void saves_what_it_opened(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
    tw_model *mapped = saved_again(model); /* matrices in bf16 stay so */
    assert_non_null(mapped->weights);
    tw_params_own(&model->params);
    tw_params_own(&mapped->params);
    check_same_values(model, mapped);
    tw_model_free(mapped);
    tw_model *again = saved_again(model);
    assert_non_null(again->weights); /* the map serves */
    check_same_values(model, again);
    tw_model_free(again);
    tw_model_free(model);
}
