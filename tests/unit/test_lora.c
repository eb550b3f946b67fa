/* LoRA: the op against finite differences; PEFT's adapters against PEFT in double precision
 * (tests/oracle/lora.py): logits, losses, gradients of A and B, AdamW steps; fresh adapters,
 * merging, folders written and read again, digests. */

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
#include "differences.h"
#include "model/lora.h"
#include "model_folder.h"
#include "model_tests.h"
#include "recorded.h"
#include "recorded_models.h"
#include "task.h"
#include "train/adam.h"

/* As in test_llama.c. Three steps of AdamW divide small gradients by their own size, so what
 * they are off by weighs more. */
static int load(void **state)
{
    within = (tolerances){.value = 2e-5, .gradient = 1e-4, .weight = 1e-3};
    return open_recorded("lora", "adapters", state);
}

/* Inputs: x, A, B, W unless that is frozen. */
typedef struct adapted {
    tw_weight_layout layout;
    tw_tensor *weight;
} adapted;

static tw_tensor *run_adapted(tw_tape *tape, const trial *t)
{
    const adapted *context = t->context;
    tw_adapter adapter = {t->inputs[1], t->inputs[2], 0.75F};
    /* Nodes of the tape keep it. */
    tw_adapter *kept = tw_arena_alloc(tw_tape_arena(tape), 1, sizeof *kept);
    *kept = adapter;
    context->weight->adapter = kept;
    tw_tensor *x = doubled(tape, t->inputs[0]);
    /* Twice, so that gradients meet what is there already. */
    return tw_add(tape, tw_linear(tape, x, context->weight, NULL, context->layout),
                  tw_linear(tape, x, context->weight, NULL, context->layout));
}

static void has_gradients(void **state)
{
    (void)state;
    for (int layout = TW_IN_OUT; layout <= TW_OUT_IN; layout++)
        for (int frozen = 0; frozen < 2; frozen++) {
            enum { ROWS = 5, IN = 7, OUT = 6, RANK = 2 };
            tw_params params = {0};
            adapted context = {.layout = (tw_weight_layout)layout};
            trial t = {.count = frozen ? 3 : 4, .context = &context, .run = run_adapted};
            t.inputs[0] = input(&params, 0, ROWS, IN);
            t.inputs[1] = input(&params, 1, RANK, IN);
            t.inputs[2] = input(&params, 2, OUT, RANK);
            bool in_out = layout == TW_IN_OUT;
            t.inputs[3] = input(&params, 3, in_out ? IN : OUT, in_out ? OUT : IN);
            context.weight = t.inputs[3];
            fill(&params);
            context.weight->wants_dx = !frozen;
            check(&t);
            for (size_t i = 0; frozen && i < (size_t)IN * OUT; i++)
                assert_true(context.weight->dx[i] == 0);
            tw_params_free(&params);
        }
}

/* y = x W + scale (x A^T) B^T by its definition, without a tape, and any row alone the same. */
static void computes_rows(void **state)
{
    (void)state;
    enum { ROWS = 70, IN = 9, OUT = 5, RANK = 3 };
    tw_params params = {0};
    tw_tensor *x = input(&params, 0, ROWS, IN), *w = input(&params, 1, OUT, IN);
    tw_adapter adapter = {input(&params, 2, RANK, IN), input(&params, 3, OUT, RANK), 1.5F};
    fill(&params);
    w->adapter = &adapter;
    tw_tape *tape = tw_tape_new(false);
    const tw_tensor *y = tw_linear(tape, x, w, NULL, TW_OUT_IN);
    float *merged = tw_alloc((size_t)OUT * IN, sizeof *merged);
    memcpy(merged, w->x, (size_t)OUT * IN * sizeof *merged);
    tw_adapter_merge(&adapter, TW_OUT_IN, merged);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t j = 0; j < OUT; j++) {
            double sum = 0, through = 0;
            for (size_t i = 0; i < IN; i++) {
                double low = 0;
                for (size_t k = 0; k < RANK; k++)
                    low += (double)adapter.b->x[j * RANK + k] * (double)adapter.a->x[k * IN + i];
                sum += (double)x->x[r * IN + i] * ((double)w->x[j * IN + i] + 1.5 * low);
                through += (double)x->x[r * IN + i] * (double)merged[j * IN + i];
            }
            /* up to 9 * 4 products of order 1, each rounded to 6e-8 */
            assert_true(fabs(sum - (double)y->x[r * OUT + j]) < 1e-5);
            assert_true(fabs(sum - through) < 1e-5);
        }
    for (size_t r = 0; r < ROWS; r += 23) {
        tw_tensor row = {.rows = 1, .width = IN, .rank = 2, .x = x->x + r * IN};
        const tw_tensor *alone = tw_linear(tape, &row, w, NULL, TW_OUT_IN);
        assert_memory_equal(alone->x, y->x + r * OUT, OUT * sizeof *alone->x);
    }
    free(merged);
    tw_tape_free(tape);
    tw_params_free(&params);
}

/* All recorded sequences, nll of every row. */
static void check_nll(const tw_model *model)
{
    task task = sequences_task(recorded);
    run_task(model, &task);
    check_entries(field(recorded, "sequences"), "nll", task.nll, task.count, within.value, "nll");
    free_task(&task);
}

/* Beside the weights, merged into them when opened, merged later: the same function. */
static void computes_what_peft_does(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
    assert_non_null(model->lora);
    check_nll(model);
    tw_lora_merge(model);
    check_nll(model);
    tw_model_free(model);
    model = open_folder(recorded_path, TW_USE_TRAINABLE);
    check_nll(model);
    assert_ptr_equal(tw_model_trained(model), &model->params);
    tw_model_free(model);
}

/* The base has neither gradients nor, where the map serves, memory. */
static void check_frozen(const tw_model *model)
{
    assert_null(model->params.dx);
    for (size_t i = 0; i < model->params.count; i++) {
        assert_null(model->params.tensors[i]->dx);
        assert_false(model->params.tensors[i]->wants_dx);
    }
}

static void trains_as_peft_does(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_ADAPTER);
    tw_params *params = tw_model_trained(model);
    assert_ptr_equal(params, &model->lora->params);
    task task = sequences_task(recorded);
    const json_t *adamw = field(recorded, "adamw"), *sequences = field(recorded, "sequences");
    check_mean(model, &task, field(recorded, "mean"), sequences, "nll");
    check_frozen(model);
    tw_adam_options options = tw_adam_defaults;
    options.weight_decay = json_number_value(field(adamw, "weight_decay"));
    tw_adam adam;
    tw_adam_init(&adam, params, &options);
    for (json_int_t step = 1; step <= json_integer_value(field(adamw, "steps")); step++) {
        if (step > 1)
            run_task(model, &task);
        tw_adam_step(&adam, json_number_value(field(adamw, "learning_rate")), 1.0);
    }
    check_weights(model, field(adamw, "weights"), within.weight);
    tw_adam_free(&adam);
    free_task(&task);
    tw_model_free(model);
}

static void shares_a_prompt_beside_it(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_ADAPTER);
    task task = tree_task(recorded);
    const json_t *tree = field(recorded, "tree");
    check_mean(model, &task, tree, field(tree, "nll"), NULL);
    free_task(&task);
    tw_model_free(model);
}

/* Written and read again: the same values and settings, the base found from the new place. */
static void saves_and_opens(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
    tw_model *again = saved_again(model);
    assert_int_equal(model->lora->rank, again->lora->rank);
    assert_true(model->lora->alpha == again->lora->alpha);
    assert_true(json_equal(model->lora->targets, again->lora->targets));
    assert_int_equal(model->lora->params.count, again->lora->params.count);
    assert_memory_equal(model->lora->params.x, again->lora->params.x,
                        model->lora->params.size * sizeof(float));
    tw_model_free(again);
    tw_model_free(model);
}

/* "a,b,c"; the caller frees. */
static char *listed(const json_t *targets)
{
    char *list = tw_strdup("");
    const json_t *target;
    size_t i;
    json_array_foreach(targets, i, target)
    {
        char *longer = tw_format("%s%s%s", list, i ? "," : "", json_string_value(target));
        free(list);
        list = longer;
    }
    return list;
}

/* A fresh adapter like the recorded one, on its base. */
static tw_model *begin(const struct tw_lora *like, uint64_t seed)
{
    char *targets = listed(like->targets);
    tw_lora_options options = {.rank = like->rank, .targets = targets, .seed = seed};
    tw_model *model = tw_model_describe(like->base, NULL, NULL);
    assert_non_null(model);
    assert_int_equal(0, tw_lora_add(model, &options));
    assert_int_equal(0, tw_model_load(model, TW_USE_ADAPTER, NULL));
    free(targets);
    return model;
}

/* A is uniform within PEFT's bound: the largest of its 20 draws, recorded, is below that by a few
 * parts in a thousand; a uniform number's root mean square is its bound / sqrt(3), seen within 4
 * s.d. (0.9 / sqrt(count) each). B is zero. */
static void check_start(const tw_tensor *tensor)
{
    double largest = 0, square = 0, count = (double)(tensor->rows * tensor->width);
    for (size_t k = 0; k < tensor->rows * tensor->width; k++) {
        largest = fmax(largest, fabs((double)tensor->x[k]));
        square += (double)tensor->x[k] * (double)tensor->x[k];
    }
    double bound = json_number_value(field(field(recorded, "start"), tensor->name));
    if (strstr(tensor->name, "lora_B")) {
        assert_true(largest == 0 && bound == 0);
        return;
    }
    assert_true(largest < bound * 1.01 && largest > bound * 0.8);
    assert_true(fabs(sqrt(square / count) * sqrt(3) / bound - 1) < 3.6 / sqrt(count));
}

static void check_same_states(const tw_model *one, const tw_model *other)
{
    tw_tape *tape = tw_tape_new(false);
    task task = sequences_task(recorded);
    const tw_tensor *a = one->architecture->forward(one, tape, &task.batch);
    const tw_tensor *b = other->architecture->forward(other, tape, &task.batch);
    assert_memory_equal(a->x, b->x, a->rows * a->width * sizeof *a->x);
    free_task(&task);
    tw_tape_free(tape);
}

/* A fresh adapter: the model as it was, by the seed. */
static void begins_as_the_base(void **state)
{
    (void)state;
    tw_model *like = open_folder(recorded_path, TW_USE_FROZEN);
    tw_model *base = open_folder(like->lora->base, TW_USE_FROZEN);
    tw_model *fresh = begin(like->lora, 0), *same = begin(like->lora, 0);
    tw_model *other = begin(like->lora, 1);
    const tw_params *params = &fresh->lora->params;
    size_t bytes = params->size * sizeof *params->x;
    assert_true(fresh->lora->alpha == 2 * (double)fresh->lora->rank);
    assert_memory_equal(params->x, same->lora->params.x, bytes);
    assert_memory_not_equal(params->x, other->lora->params.x, bytes);
    for (size_t i = 0; i < params->count; i++)
        check_start(params->tensors[i]);
    check_same_states(fresh, base);
    tw_model_free(other);
    tw_model_free(same);
    tw_model_free(fresh);
    tw_model_free(base);
    tw_model_free(like);
}

#define TESTS(adapter)                                                                             \
    RECORDED_TEST(computes_what_peft_does, adapter), RECORDED_TEST(trains_as_peft_does, adapter),  \
        RECORDED_TEST(shares_a_prompt_beside_it, adapter),                                         \
        RECORDED_TEST(saves_and_opens, adapter), RECORDED_TEST(begins_as_the_base, adapter)

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(has_gradients),
                                       cmocka_unit_test(computes_rows), TESTS("gpt2"),
                                       TESTS("llama3"), TESTS("qwen2")};
    return cmocka_run_group_tests(tests, load, close_recorded);
}
