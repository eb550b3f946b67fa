/* Memory plans: the footprint of weights against what loading them takes, the estimate of
 * activations against what a pass over tiny models takes, and the refusal of what does not fit. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "model/footprint.h"
#include "model/lora.h"
#include "model_folder.h"
#include "train/policy.h"

static const char *const folders[] = {
    "tests/fixtures/gpt2",        "tests/fixtures/gpt2-bf16",     "tests/fixtures/llama/llama3",
    "tests/fixtures/llama/tied",  "tests/fixtures/llama/mistral", "tests/fixtures/llama/qwen2",
    "tests/fixtures/llama/qwen3", "tests/fixtures/lora/gpt2",     "tests/fixtures/lora/llama3",
};

enum { FOLDERS = sizeof folders / sizeof *folders };

static tw_model *describe(const char *path)
{
    tw_model *model = tw_model_describe(path, NULL, NULL);
    if (!model)
        fail_msg("%s", tw_error());
    return model;
}

/* What is copied of frozen parameters lies in the order of the parameters, from copies on. */
static bool is_copy(const tw_params *params, size_t index)
{
    const float *x = params->tensors[index]->x;
    return params->copies && x >= params->copies && x < params->copies + params->size;
}

/* Bytes of parameters by where they are. Each is padded in memory, to 16 floats. */
static void count_values(const tw_params *params, tw_footprint *found)
{
    for (size_t i = 0; i < params->count; i++) {
        const tw_tensor *tensor = params->tensors[i];
        size_t count = tensor->rows * tensor->width;
        bool mapped = tensor->half || (!params->x && !is_copy(params, i));
        if (!mapped)
            found->values += count * sizeof(float);
        else
            found->mapped += count * (tensor->half ? sizeof *tensor->half : sizeof(float));
        if (tensor->dx)
            found->gradients += count * sizeof(float);
    }
}

static void check_near(size_t planned, size_t found, size_t tensors)
{
    assert_true(planned >= found);
    assert_true(planned - found <= tensors * 15 * sizeof(float));
}

static void footprints_are_what_loading_takes(void **state)
{
    (void)state;
    for (size_t f = 0; f < FOLDERS; f++)
        for (int use = TW_USE_FROZEN; use <= TW_USE_ADAPTER; use++) {
            tw_model *model = describe(folders[f]);
            tw_footprint planned, found = {0};
            if (use == TW_USE_ADAPTER && !model->lora) {
                tw_model_free(model);
                continue;
            }
            assert_int_equal(0, tw_model_footprint(model, (tw_use)use, &planned));
            assert_int_equal(0, tw_model_load(model, (tw_use)use, NULL));
            count_values(&model->params, &found);
            if (model->lora)
                count_values(&model->lora->params, &found);
            check_near(planned.mapped, found.mapped, 0);
            check_near(planned.values, found.values, 2 * model->params.count);
            check_near(planned.gradients, found.gradients, 2 * model->params.count);
            tw_model_free(model);
        }
}

/* The arena's peak over a pass of rows, with the loss. */
static size_t peak_of(const tw_model *model, bool recording, size_t rows)
{
    tw_tape *tape = tw_tape_new(recording);
    int32_t *tokens = tw_alloc(rows, sizeof *tokens);
    float *weight = tw_alloc(rows, sizeof *weight);
    for (size_t i = 0; i < rows; i++) {
        tokens[i] = (int32_t)(i * 37 % 500);
        weight[i] = 1;
    }
    tw_batch batch = {0};
    for (size_t at = 0; at < rows; at += 50)
        tw_batch_add(&batch, tokens + at, rows - at < 50 ? rows - at : 50, -1);
    tw_tensor *hidden = model->architecture->forward(model, tape, &batch);
    tw_token_loss loss = {.targets = tokens, .nll_weight = recording ? weight : NULL};
    tw_cross_entropy(tape, hidden, model->output_embedding, &loss);
    tw_backward(tape);
    size_t peak = tw_arena_peak(tw_tape_arena(tape));
    tw_batch_free(&batch);
    free(weight);
    free(tokens);
    tw_tape_free(tape);
    return peak;
}

/* In training, the estimate holds what is taken and little more: the first layer's inputs want no
 * gradients, sums hand theirs on (of one layer that is much). Without gradients it is rough, and
 * matters less. */
static void activations_are_estimated(void **state)
{
    (void)state;
    for (size_t f = 0; f < FOLDERS; f++)
        for (int recording = 0; recording < 2; recording++) {
            enum { ROWS = 400 };
            tw_model *model = describe(folders[f]);
            tw_use frozen = model->lora ? TW_USE_ADAPTER : TW_USE_TRAINABLE;
            assert_int_equal(0, tw_model_load(model, recording ? frozen : TW_USE_FROZEN, NULL));
            size_t planned =
                ROWS * tw_model_row_bytes(model, recording) + tw_model_logit_bytes(model);
            size_t peak = peak_of(model, recording, ROWS);
            double ratio = (double)planned / (double)peak;
            if (ratio < 1 || ratio > (recording ? 1.4 : 2))
                fail_msg("%s%s: planned %zu bytes, %zu taken", folders[f],
                         recording ? "" : ", values only", planned, peak);
            tw_model_free(model);
        }
}

static void too_much_is_refused(void **state)
{
    (void)state;
    tw_policy_options options = {.lora = "4"};
    tw_policy_needs needs = {.rows = 100, .cached = 50, .keeps_best = true};
    tw_model *policy = tw_policy_describe(GPT2, &options, 0);
    assert_non_null(policy);
    tw_plan plan, other;
    assert_int_equal(0, tw_policy_plan(policy, &options, &needs, SIZE_MAX, &plan));
    assert_int_equal(0, tw_policy_plan(policy, &options, &needs, plan.bytes, &other));
    assert_int_equal(-1, tw_policy_plan(policy, &options, &needs, plan.bytes - 1, &other));
    static const char *const parts[] = {"not enough memory: ",
                                        "of mapped weights",
                                        "of gradients",
                                        "of moments",
                                        "of the best weights",
                                        "of activations",
                                        "of logits",
                                        "of keys and values",
                                        "in all",
                                        "are free"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        assert_non_null(strstr(tw_error(), parts[i]));
    /* An adapter's gradients are small, all of a model's are not; merging takes a copy. */
    options.merge = true;
    assert_int_equal(0, tw_policy_plan(policy, &options, &needs, SIZE_MAX, &other));
    assert_int_equal(plan.bytes + policy->params.size * sizeof(float), other.bytes);
    tw_model_free(policy);
    policy = describe(GPT2);
    options = (tw_policy_options){0};
    assert_int_equal(0, tw_policy_plan(policy, &options, &needs, SIZE_MAX, &other));
    assert_true(other.bytes > plan.bytes + 3 * policy->params.size * sizeof(float));
    tw_model_free(policy);
}

/* The longest examples together, each as long as what is drawn for it at least. */
static void rows_of_the_largest_batch(void **state)
{
    (void)state;
    tw_example examples[] = {{.prompt.count = 3, .completion.count = 2},
                             {.prompt.count = 10, .completion.count = 1},
                             {.prompt.count = 1, .completion.count = 20}};
    tw_data data = {.examples = examples, .count = 3};
    assert_int_equal(21, tw_policy_rows(&data, 1, 0));
    assert_int_equal(32, tw_policy_rows(&data, 2, 0));
    assert_int_equal(21 + 11 + 5 + 21, tw_policy_rows(&data, 4, 0));
    assert_int_equal(21 + 15 + 8, tw_policy_rows(&data, 3, 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(footprints_are_what_loading_takes),
        cmocka_unit_test(activations_are_estimated),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(rows_of_the_largest_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
