/* Adam, AdamW and clipping against trajectories recorded from PyTorch
 * (tests/oracle/guidance.py), and the independence from the number of threads. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <jansson.h>
#include <omp.h>

#include "core/memory.h"
#include "core/rng.h"
#include "train/adam.h"

/* Both sides run in fp32, with operations in another order: a few units in the last
 * place (6e-8) an update, over 12 updates of at most 0.05. */
static const double TOLERANCE = 2e-6;

static json_t *recorded(void)
{
    json_error_t error;
    json_t *all = json_load_file("tests/fixtures/training.json", 0, &error);
    if (!all)
        fail_msg("training.json: %s", error.text);
    return all;
}

static void fill(float *to, const json_t *object, const char *name)
{
    const json_t *array = json_object_get(object, name);
    for (size_t i = 0; i < json_array_size(array); i++)
        to[i] = (float)json_number_value(json_array_get(array, i));
}

static void check(const tw_tensor *tensor, const json_t *object)
{
    const json_t *array = json_object_get(object, tensor->name);
    assert_int_equal(json_array_size(array), tensor->rows * tensor->width);
    for (size_t i = 0; i < json_array_size(array); i++) {
        double want = json_number_value(json_array_get(array, i));
        if (!(fabs((double)tensor->x[i] - want) <= TOLERANCE * fmax(1, fabs(want))))
            fail_msg("%s[%zu]: got %.9g, expected %.9g", tensor->name, i, (double)tensor->x[i],
                     want);
    }
}

static void follow(const json_t *run)
{
    tw_params params = {0};
    tw_tensor *weight = tw_params_add(&params, "weight", 2, 3, 5);
    tw_tensor *bias = tw_params_add(&params, "bias", 1, 1, 5);
    tw_params_allocate(&params, true);
    fill(weight->x, json_object_get(run, "start"), "weight");
    fill(bias->x, json_object_get(run, "start"), "bias");
    tw_adam_options options = tw_adam_defaults;
    options.decoupled = json_is_true(json_object_get(run, "decoupled"));
    options.weight_decay = json_number_value(json_object_get(run, "weight_decay"));
    double clip = json_number_value(json_object_get(run, "clip"));
    double rate = json_number_value(json_object_get(run, "learning_rate"));
    tw_adam adam;
    tw_adam_init(&adam, &params, &options);
    const json_t *updates = json_object_get(run, "updates");
    for (size_t i = 0; i < json_array_size(updates); i++) {
        const json_t *update = json_array_get(updates, i);
        fill(weight->dx, update, "d_weight");
        fill(bias->dx, update, "d_bias");
        double norm = tw_gradient_norm(&params);
        double want = json_number_value(json_object_get(update, "norm"));
        assert_true(fabs(norm - want) <= 1e-6 * want);
        tw_adam_step(&adam, rate, tw_clip_factor(norm, clip));
        check(weight, update);
        check(bias, update);
        assert_true(tw_gradient_norm(&params) == 0);
    }
    assert_int_equal(adam.step, json_array_size(updates));
    tw_adam_free(&adam);
    tw_params_free(&params);
}

static void test_recorded_trajectories(void **state)
{
    (void)state;
    json_t *all = recorded();
    const json_t *runs = json_object_get(all, "adam");
    assert_true(json_array_size(runs) > 0);
    for (size_t i = 0; i < json_array_size(runs); i++)
        follow(json_array_get(runs, i));
    json_decref(all);
}

/* Tensors of awkward sizes, some beyond a block, some updates; the bytes of values and
 * moments, and the norm, after `threads` threads did it. */
static uint64_t train(int threads, double *norm)
{
    static const size_t sizes[] = {1, 17, 140000, 16384, 133000};
    omp_set_num_threads(threads);
    tw_params params = {0};
    for (size_t i = 0; i < 5; i++)
        tw_params_add(&params, i % 2 ? "bias" : "weight", i % 2 ? 1 : 2, 1, sizes[i]);
    tw_params_allocate(&params, true);
    tw_adam_options options = tw_adam_defaults;
    options.weight_decay = 0.1;
    tw_adam adam;
    tw_adam_init(&adam, &params, &options);
    for (uint64_t step = 0; step < 3; step++) {
        for (size_t t = 0; t < params.count; t++)
            for (size_t i = 0; i < sizes[t]; i++)
                params.tensors[t]->dx[i] =
                    (float)tw_normal(3, TW_RNG_INIT, step, (uint32_t)t, (uint32_t)i);
        *norm = tw_gradient_norm(&params);
        tw_adam_step(&adam, 1e-3, tw_clip_factor(*norm, 5));
    }
    uint64_t digests[] = {tw_hash(params.x, params.size * sizeof *params.x),
                          tw_hash(adam.m, params.size * sizeof *adam.m),
                          tw_hash(adam.v, params.size * sizeof *adam.v)};
    tw_adam_free(&adam);
    tw_params_free(&params);
    return tw_hash(digests, sizeof digests);
}

static void test_same_bytes_for_any_threads(void **state)
{
    (void)state;
    double norm = 0, other = 0;
    uint64_t digest = train(1, &norm);
    for (int threads = 2; threads <= 5; threads++) {
        assert_true(train(threads, &other) == digest);
        assert_true(other == norm);
    }
}

static void test_clip_factor(void **state)
{
    (void)state;
    assert_true(tw_clip_factor(100, 0) == 1);
    assert_true(tw_clip_factor(1, 5) == 1);
    assert_true(fabs(tw_clip_factor(10, 5) - 0.5) < 1e-7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_trajectories),
        cmocka_unit_test(test_same_bytes_for_any_threads),
        cmocka_unit_test(test_clip_factor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
