/* Steps of AdamW behind clipping, from the model's own gradients, against torch in double
 * (tests/oracle/adam.py): the same weights. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "core/memory.h"
#include "model/masked-lm.h"
#include "model_folder.h"
#include "recorded.h"
#include "task.h"
#include "train/adam.h"

/* Relative to the root mean square of a tensor's weights. A step is the learning rate times a
 * quotient of moments, which knows gradients to 1e-5 or so. */
#define WEIGHT_TOLERANCE 1e-5
#define NORM_TOLERANCE 1e-5

static json_t *file;

static int load(void **state)
{
    (void)state;
    file = json_load_file("tests/fixtures/adam.json", 0, NULL);
    return file ? 0 : -1;
}

static int unload(void **state)
{
    (void)state;
    json_decref(file);
    return 0;
}

static double number(const json_t *json, const char *key)
{
    return json_number_value(field(json, key));
}

/* The sequences of a run in the way of the model's kind. */
static task task_for(const tw_model *model, const json_t *recorded)
{
    if (tw_model_check_causal(model) < 0)
        return masked_sequences_task(recorded, SIZE_MAX);
    return tw_has_encoder(&model->config) ? source_sequences_task(model, recorded)
                                          : sequences_task(recorded);
}

static void check_run(const char *path, const json_t *recorded, const json_t *run)
{
    tw_model *model = open_folder(path, TW_USE_TRAINABLE);
    task task = task_for(model, recorded);
    tw_adam_options options = tw_adam_defaults;
    options.weight_decay = number(run, "weight_decay");
    tw_adam adam;
    tw_adam_init(&adam, &model->params, &options);
    const json_t *scales = field(file, "scales");
    for (size_t step = 0; step < json_array_size(scales); step++) {
        for (size_t i = 0; i < task.count; i++)
            task.nll_weight[i] = (float)(number_at(scales, step) / (double)task.count);
        run_task(model, &task);
        double norm = tw_gradient_norm(&model->params), limit = number(file, "clip");
        double expected = number_at(field(run, "norms"), step);
        check_close(expected, norm, expected, NORM_TOLERANCE, "norm of the gradient");
        tw_adam_step(&adam, number(run, "learning_rate"), tw_clip_factor(norm, limit));
    }
    check_weights(model, field(run, "weights"), WEIGHT_TOLERANCE);
    tw_adam_free(&adam);
    free_task(&task);
    tw_model_free(model);
}

/* The name of the model is the test's state. */
static void steps_as_torch(void **state)
{
    const char *name = *state;
    char *path = tw_format("tests/fixtures/%s", name);
    const json_t *recorded = field(field(file, "models"), name), *run;
    const char *key;
    size_t runs = 0;
    json_object_foreach((json_t *)field(recorded, "runs"), key, run)
    {
        check_run(path, recorded, run);
        runs++;
    }
    assert_int_equal(2, runs);
    free(path);
}

#define TEST(model)                                                                                \
    {                                                                                              \
        "steps_as_torch: " model, steps_as_torch, NULL, NULL, (void *)(model)                      \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("gpt2"),
        TEST("llama/llama3"),
        TEST("llama/tied"),
        TEST("llama/mistral"),
        TEST("llama/qwen2"),
        TEST("llama/qwen3"),
        TEST("t5/v10"),
        TEST("t5/v11"),
        TEST("t5/silu"),
        TEST("roberta/tiny"),
        TEST("roberta/types"),
        TEST("causal-roberta/tiny"),
        TEST("causal-roberta/types"),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
