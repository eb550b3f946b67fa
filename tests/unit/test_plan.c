/* Memory plans: the footprint of weights against what loading them takes, the estimate of
 * activations against what a pass over tiny models takes, the largest batch against all batches,
 * and the refusal of what does not fit. */

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
#include "model/prompt.h"
#include "model_folder.h"
#include "train/policy.h"

static const char *const folders[] = {
    "tests/fixtures/gpt2",        "tests/fixtures/gpt2-bf16",     "tests/fixtures/llama/llama3",
    "tests/fixtures/llama/tied",  "tests/fixtures/llama/mistral", "tests/fixtures/llama/qwen2",
    "tests/fixtures/llama/qwen3", "tests/fixtures/lora/gpt2",     "tests/fixtures/lora/llama3",
    "tests/fixtures/t5/v10",      "tests/fixtures/t5/v11",        "tests/fixtures/roberta/tiny",
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
            tw_footprint planned, found = {0}, adapter = {0};
            if (use == TW_USE_ADAPTER && !model->lora) {
                tw_model_free(model);
                continue;
            }
            assert_int_equal(0, tw_model_footprint(model, (tw_use)use, &planned));
            assert_int_equal(0, tw_model_load(model, (tw_use)use, NULL));
            count_values(&model->params, &found);
            if (model->lora)
                count_values(&model->lora->params, &adapter);
            found.gradients += adapter.gradients;
            check_near(planned.mapped, found.mapped, 0);
            check_near(planned.values, found.values, 2 * model->params.count);
            check_near(planned.adapter, adapter.values, 2 * model->params.count);
            check_near(planned.gradients, found.gradients, 2 * model->params.count);
            tw_model_free(model);
        }
}

/* Sequences of 50 tokens; where an encoder reads them, of 50 and 20. */
static tw_rows fill(const tw_model *model, tw_batch *batch, const int32_t *tokens, size_t rows)
{
    const bool apart = tw_has_encoder(&model->config);
    for (size_t at = 0; at + 50 <= rows; at += 50) {
        size_t root = tw_model_add_prompt(model, batch, tokens + at, apart ? 50 : 30);
        tw_batch_add(batch, tokens + at, 20, model->architecture->masked ? -1 : (int64_t)root);
    }
    return (tw_rows){.text = batch->rows, .source = tw_batch_rows(batch) - batch->rows};
}

static int32_t *some_tokens(size_t count)
{
    int32_t *tokens = tw_alloc(count, sizeof *tokens);
    for (size_t i = 0; i < count; i++)
        tokens[i] = (int32_t)(i * 37 % 500);
    return tokens;
}

/* The arena's peak over a pass, with the loss. */
static size_t peak_of(const tw_model *model, bool recording, bool recompute, size_t wanted,
                      tw_rows *rows)
{
    tw_tape *tape = tw_tape_new(recording);
    tw_tape_recompute(tape, recompute);
    int32_t *tokens = some_tokens(wanted);
    tw_batch batch = {0};
    *rows = fill(model, &batch, tokens, wanted);
    float *weight = tw_alloc(rows->text, sizeof *weight);
    for (size_t i = 0; i < rows->text; i++)
        weight[i] = 1;
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

static void check_ratio(size_t planned, size_t taken, double most, const char *what)
{
    const double ratio = (double)planned / (double)taken;
    if (ratio < 1 || ratio > most)
        fail_msg("%s: planned %zu bytes, %zu taken (%.3f)", what, planned, taken, ratio);
}

/* The estimate holds what is taken and little more. */
static void activations_are_estimated(void **state)
{
    (void)state;
    for (size_t f = 0; f < FOLDERS; f++)
        for (int i = 0; i < 3; i++) {
            const bool recording = i > 0, recompute = i == 2;
            tw_rows rows;
            tw_model *model = describe(folders[f]);
            tw_use trained = model->lora ? TW_USE_ADAPTER : TW_USE_TRAINABLE;
            assert_int_equal(0, tw_model_load(model, recording ? trained : TW_USE_FROZEN, NULL));
            const size_t peak = peak_of(model, recording, recompute, 400, &rows);
            const tw_pass_kind kind = {recording, 0, tw_model_logit_bytes(model), recompute};
            const size_t planned = tw_model_activation_bytes(model, &rows, kind);
            check_ratio(planned, peak, recompute ? 1.15 : recording ? 1.1 : 1.25, folders[f]);
            tw_model_free(model);
        }
}

/* The head of a guidance model is wider than all else of a small backbone. */
static void rewards_are_estimated(void **state)
{
    (void)state;
    static const char *const backbones[] = {GPT2, "tests/fixtures/t5/v11"};
    for (int i = 0; i < 4; i++) {
        const bool recording = i & 1;
        tw_guidance *guidance = tw_guidance_start(backbones[i / 2], &tw_guidance_defaults, 1);
        assert_non_null(guidance);
        tw_tape *tape = tw_tape_new(recording);
        tw_batch batch = {0};
        int32_t *tokens = some_tokens(100);
        tw_rows rows = fill(guidance->model, &batch, tokens, 100);
        tw_tensor *rewards = tw_guidance_rewards(guidance, tape, &batch);
        rows.targets = rewards->rows;
        bool fresh = false;
        if (recording) {
            memset(tw_gradient(tape, rewards, &fresh), 0, rewards->rows * sizeof(float));
            tw_backward(tape);
        }
        const tw_pass_kind kind = {recording, tw_guidance_target_bytes(guidance), 0, false};
        check_ratio(tw_model_activation_bytes(guidance->model, &rows, kind),
                    tw_arena_peak(tw_tape_arena(tape)), 1.1, backbones[i / 2]);
        tw_batch_free(&batch);
        free(tokens);
        tw_tape_free(tape);
        tw_guidance_free(guidance);
    }
}

static tw_example examples[] = {{.prompt.count = 3, .completion.count = 2},
                                {.prompt.count = 10, .completion.count = 1},
                                {.prompt.count = 1, .completion.count = 20}};
static const tw_data data = {.examples = examples, .count = 3};

static const tw_train_options two_by_fifty = {.batch_size = 2, .accumulate = 1, .steps = 50};

static tw_policy_run run_of(void)
{
    return (tw_policy_run){.data = &data,
                           .valid = &data,
                           .use = {.samples = 2, .drawn = 10},
                           .train = &two_by_fifty,
                           .batch_tokens = 1000};
}

static void too_much_is_refused(void **state)
{
    (void)state;
    tw_policy_options options = {.lora = "4"};
    const tw_policy_run run = run_of();
    tw_model *policy = tw_policy_describe(GPT2, &options, 0);
    assert_non_null(policy);
    tw_plan plan = {0}, same = {0}, less = {0}, other = {0};
    assert_int_equal(0, tw_policy_plan(policy, &options, &run, SIZE_MAX, &plan));
    assert_int_equal(0, tw_policy_plan(policy, &options, &run, plan.bytes, &same));
    assert_int_equal(-1, tw_policy_plan(policy, &options, &run, plan.bytes - 1, &less));
    static const char *const parts[] = {"not enough memory: ",
                                        "of mapped weights",
                                        "of an adapter",
                                        "of gradients",
                                        "of moments",
                                        "of the best weights",
                                        "of activations",
                                        "of logits",
                                        "of keys and values",
                                        "in all",
                                        "are free; --recompute, or a smaller --batch-size"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        assert_non_null(strstr(tw_error(), parts[i]));
    /* An adapter's gradients are small, all of a model's are not; merging takes a copy. */
    options.merge = true;
    assert_int_equal(0, tw_policy_plan(policy, &options, &run, SIZE_MAX, &other));
    assert_int_equal(plan.bytes + policy->params.size * sizeof(float), other.bytes);
    tw_model_free(policy);
    policy = describe(GPT2);
    options = (tw_policy_options){0};
    other = (tw_plan){0};
    assert_int_equal(0, tw_policy_plan(policy, &options, &run, SIZE_MAX, &other));
    assert_true(other.bytes > plan.bytes + 3 * policy->params.size * sizeof(float));
    tw_model_free(policy);
}

/* The guidance of a run is a share of its plan. */
static void guidance_counts(void **state)
{
    (void)state;
    const tw_policy_options options = {0};
    tw_policy_run run = run_of();
    tw_model *policy = describe(GPT2);
    tw_guidance *guidance = tw_guidance_draft(GPT2, &tw_guidance_defaults, 1);
    tw_plan without = {0}, with = {0};
    tw_footprint footprint;
    assert_int_equal(0, tw_policy_plan(policy, &options, &run, SIZE_MAX, &without));
    run.guidance = guidance;
    assert_int_equal(0, tw_policy_plan(policy, &options, &run, SIZE_MAX, &with));
    assert_int_equal(0, tw_model_footprint(guidance->model, TW_USE_FROZEN, &footprint));
    assert_int_equal(footprint.mapped, tw_plan_of(&with, "guidance", TW_PLAN_MAPPED));
    assert_true(with.bytes >= without.bytes + footprint.mapped);
    assert_non_null(strstr(with.text, "; guidance: "));
    tw_guidance_free(guidance);
    tw_model_free(policy);
}

/* Of a decoder one row in the text is a prompt's; of an encoder-decoder the encoder's is apart. */
static void rows_of_examples_and_groups(void **state)
{
    (void)state;
    tw_model *gpt2 = describe(GPT2), *t5 = describe("tests/fixtures/t5/v11");
    tw_generation generations[] = {{.ids.count = 4}, {.ids.count = 9}, {.ids.count = 5}};
    const tw_group group = {.prompt.count = 7, .generations = generations, .count = 3};
    tw_batch_size size =
        tw_example_size(gpt2, &examples[1], &(tw_example_use){.targets_prompt = true});
    assert_int_equal(11, size.rows.text);
    assert_int_equal(1 + 9, size.rows.targets);
    assert_int_equal(11, size.longest);
    size = tw_example_size(t5, &examples[1], &(tw_example_use){.samples = 3, .drawn = 4});
    assert_int_equal(13, size.rows.text);
    assert_int_equal(10, size.rows.source);
    assert_int_equal(12, size.rows.targets);
    size = tw_group_size(gpt2, &group, 0);
    assert_int_equal(7 + 18, size.rows.text);
    assert_int_equal(18, size.rows.targets);
    size = tw_group_size(t5, &group, 2);
    assert_int_equal(1 + 14, size.rows.text);
    assert_int_equal(7, size.rows.source);
    assert_int_equal(16, size.longest);
    tw_model_free(gpt2);
    tw_model_free(t5);
}

/* The batches that training computes, and a bound where they are too many to look at. */
static void the_largest_batch_is_found(void **state)
{
    (void)state;
    enum { COUNT = 37, BATCH = 5, PASSES = 20 };
    tw_batch_size items[COUNT];
    size_t most = 0, in_order = 0;
    for (size_t i = 0; i < COUNT; i++)
        items[i] = (tw_batch_size){{i * 7919 % 101, i, 3}, i};
    tw_order order;
    tw_order_init(&order, 11, COUNT);
    for (size_t pass = 0; pass < PASSES; pass++) {
        size_t sum = 0;
        uint64_t epoch;
        for (size_t i = 0; i < BATCH; i++)
            sum += items[tw_order_at(&order, pass * BATCH + i, &epoch)].rows.text;
        most = sum > most ? sum : most;
    }
    tw_order_free(&order);
    for (size_t i = 0; i < COUNT; i += BATCH) {
        size_t sum = 0;
        for (size_t k = i; k < COUNT && k < i + BATCH; k++)
            sum += items[k].rows.text;
        in_order = sum > in_order ? sum : in_order;
    }
    tw_train_options train = {.batch_size = BATCH, .accumulate = 4, .steps = PASSES / 4};
    assert_int_equal(most, tw_largest_batch(items, COUNT, &train, 11).rows.text);
    assert_int_equal(in_order, tw_largest_in_order(items, COUNT, BATCH).rows.text);
    train.steps = (int64_t)1e15;
    const tw_batch_size bound = tw_largest_batch(items, COUNT, &train, 11);
    assert_true(bound.rows.text >= most);
    assert_int_equal(36 + 35 + 34 + 33 + 32, bound.rows.source);
    assert_int_equal(3 * BATCH, bound.rows.targets);
    assert_int_equal(36, bound.longest);
    /* A batch larger than the data has all of it, and some of it again. */
    train.batch_size = 50;
    assert_int_equal(3 * 50, tw_largest_batch(items, COUNT, &train, 11).rows.targets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(footprints_are_what_loading_takes),
        cmocka_unit_test(activations_are_estimated),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(rewards_are_estimated),
        cmocka_unit_test(guidance_counts),
        cmocka_unit_test(rows_of_examples_and_groups),
        cmocka_unit_test(the_largest_batch_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
