/* A whole guidance model: rewards, loss and gradients of a group against PyTorch's, each
 * generation run on its own there (tests/oracle/guidance.py) and all in one forest here;
 * then folders, and which generations a visit takes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <jansson.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "scratch.h"
#include "train/alignment.h"

#define GPT2 "tests/fixtures/gpt2"

static char folder[] = "/tmp/test_alignment.XXXXXX";

enum { SIZE = 8 };

/* fp32 here, double there, through three layers: errors of some 1e-6 relative to the
 * norm of a gradient, of which the second number (a product with a wave of up to 5,000
 * entries, of norm sqrt(n / 2)) is a projection. */
static const double TOLERANCE = 2e-5;

static _Noreturn void give_up(const char *why)
{
    fail_msg("%s", why); /* does not return, which linters do not know */
    abort();
}

static json_t *recorded(void)
{
    json_error_t error;
    json_t *all = json_load_file("tests/fixtures/guidance.json", 0, &error);
    if (!all)
        fail_msg("guidance.json: %s", error.text);
    return all;
}

static int which(const json_t *json, const char *field, const char *other)
{
    return strcmp(json_string_value(json_object_get(json, field)), other) == 0;
}

static void wave(tw_tensor *tensor, double scale, double phase)
{
    for (size_t i = 0; i < tensor->rows * tensor->width; i++)
        tensor->x[i] = (float)(scale * sin(0.37 * (double)i + phase));
}

static tw_guidance *start(const json_t *json)
{
    tw_guidance_settings settings = tw_guidance_defaults;
    settings.aggregate.kind =
        which(json, "aggregate", "softmin") ? TW_AGGREGATE_SOFTMIN : TW_AGGREGATE_AVERAGE;
    settings.aggregate.temperature = json_number_value(json_object_get(json, "temperature"));
    settings.bound = which(json, "bound", "sigmoid") ? TW_BOUND_SIGMOID : TW_BOUND_SOFTPLUS;
    settings.head_size = (size_t)json_integer_value(json_object_get(json, "head_size"));
    tw_guidance *guidance = tw_guidance_start(GPT2, &settings, 1);
    if (!guidance)
        give_up(tw_error());
    wave(guidance->head.weight1, 0.3, 0);
    wave(guidance->head.bias1, 0.3, 1);
    wave(guidance->head.weight2, 0.3, 2);
    wave(guidance->head.bias2, 0.3, 3);
    return guidance;
}

static tw_ids read_ids(const json_t *array)
{
    tw_ids ids = {tw_alloc(json_array_size(array), sizeof *ids.ids), json_array_size(array)};
    for (size_t i = 0; i < ids.count; i++)
        ids.ids[i] = (int32_t)json_integer_value(json_array_get(array, i));
    return ids;
}

static tw_group read_group(const json_t *json)
{
    const json_t *generations = json_object_get(json, "generations");
    tw_group group = {.prompt = read_ids(json_object_get(json, "prompt")), .weight = 1};
    group.count = json_array_size(generations);
    group.generations = tw_alloc(group.count, sizeof *group.generations);
    for (size_t k = 0; k < group.count; k++) {
        group.generations[k].ids = read_ids(json_array_get(generations, k));
        group.generations[k].score =
            json_number_value(json_array_get(json_object_get(json, "scores"), k));
    }
    return group;
}

static void free_group(tw_group *group)
{
    for (size_t k = 0; k < group->count; k++)
        free(group->generations[k].ids.ids);
    free(group->generations);
    free(group->prompt.ids);
}

static void check_rewards(const tw_guidance *guidance, const tw_group *group, const json_t *want)
{
    tw_guided guided[SIZE];
    float rewards[64];
    for (size_t k = 0; k < group->count; k++)
        guided[k] = (tw_guided){group->generations[k].ids.ids, group->generations[k].ids.count};
    tw_tape *tape = tw_tape_new(false);
    tw_guidance_of(guidance, tape, group->prompt.ids, group->prompt.count, guided, group->count,
                   rewards);
    for (size_t i = 0; i < json_array_size(want); i++) {
        double expected = json_number_value(json_array_get(want, i));
        if (!(fabs((double)rewards[i] - expected) <= 1e-5 * expected))
            fail_msg("reward %zu: got %.9g, expected %.9g", i, (double)rewards[i], expected);
    }
    tw_tape_free(tape);
}

/* What rounding is relative to: the gradient's norm. The gradient of head.2.bias is the sum of
 * d loss / d z over the tokens, whose positive and negative terms all but cancel (the order of a
 * group does not change when all of its rewards grow); the terms are as large as those of
 * head.0.bias. */
static double size_of_terms(const json_t *gradients, const char *name, double norm)
{
    if (strcmp(name, "head.2.bias") != 0)
        return norm;
    return json_number_value(json_array_get(json_object_get(gradients, "head.0.bias"), 0));
}

static void check_gradients(const tw_guidance *guidance, const json_t *want)
{
    const char *name;
    json_t *numbers;
    json_object_foreach((json_t *)want, name, numbers)
    {
        const tw_tensor *tensor = tw_params_find(&guidance->model->params, name);
        if (!tensor)
            give_up(name);
        double square = 0, product = 0, waves = 0;
        for (size_t i = 0; i < tensor->rows * tensor->width; i++) {
            double g = (double)tensor->dx[i], w = sin(0.37 * (double)i + 0.5);
            square += g * g;
            product += g * w;
            waves += w * w;
        }
        double norm = json_number_value(json_array_get(numbers, 0));
        double projection = json_number_value(json_array_get(numbers, 1));
        double bound = TOLERANCE * size_of_terms(want, name, norm);
        if (!(fabs(sqrt(square) - norm) <= bound) ||
            !(fabs(product - projection) <= bound * sqrt(waves)))
            fail_msg("%s: norm %.9g and product %.9g, expected %.9g and %.9g", name, sqrt(square),
                     product, norm, projection);
    }
}

static void test_recorded_models(void **state)
{
    (void)state;
    json_t *all = recorded();
    const json_t *models = json_object_get(all, "models");
    assert_int_equal(json_array_size(models), 2);
    for (size_t i = 0; i < json_array_size(models); i++) {
        const json_t *json = json_array_get(models, i);
        tw_guidance *guidance = start(json);
        tw_group group = read_group(json);
        check_rewards(guidance, &group, json_object_get(json, "rewards"));
        tw_aligner aligner;
        tw_alignment sums = {0};
        tw_aligner_init(&aligner, guidance, 0, 0, true);
        /* Twice in one batch: the mean over groups has the same gradient. */
        tw_visit visits[2] = {{&group, 0, 0}, {&group, 1, 0}};
        tw_align(&aligner, visits, 2, 2, &sums);
        double want = 2 * json_number_value(json_object_get(json, "loss"));
        assert_true(fabs(sums.loss - want) <= 1e-5 * want);
        assert_int_equal(sums.groups, 2);
        assert_int_equal(sums.pairs.count, 12);
        check_gradients(guidance, json_object_get(json, "gradients"));
        tw_aligner_free(&aligner);
        free_group(&group);
        tw_guidance_free(guidance);
    }
    json_decref(all);
}

/* Saved and opened again: the same rewards to the last bit, the same settings. */
static void test_folder_round_trip(void **state)
{
    (void)state;
    json_t *all = recorded();
    const json_t *json = json_array_get(json_object_get(all, "models"), 1);
    tw_guidance *guidance = start(json);
    tw_group group = read_group(json);
    assert_false(tw_guidance_is(folder));
    assert_int_equal(tw_guidance_save(guidance, folder), 0);
    assert_true(tw_guidance_is(folder));
    tw_guidance *again = tw_guidance_open(folder, TW_USE_FROZEN);
    if (!again)
        give_up(tw_error());
    assert_int_equal(again->settings.aggregate.kind, TW_AGGREGATE_SOFTMIN);
    assert_true(again->settings.aggregate.temperature == 0.5);
    assert_int_equal(again->settings.bound, TW_BOUND_SIGMOID);
    assert_int_equal(again->settings.head_size, 24);
    check_rewards(again, &group, json_object_get(json, "rewards"));
    for (size_t i = 0; i < again->model->params.count; i++) {
        const tw_tensor *a = again->model->params.tensors[i];
        const tw_tensor *b = guidance->model->params.tensors[i];
        assert_string_equal(a->name, b->name);
        assert_memory_equal(a->x, b->x, a->rows * a->width * sizeof *a->x);
    }
    free_group(&group);
    tw_guidance_free(again);
    tw_guidance_free(guidance);
    json_decref(all);
}

static void write_settings(const char *text)
{
    char *path = tw_join_path(folder, "guidance.json");
    assert_int_equal(tw_write_file(path, text, strlen(text)), 0);
    free(path);
}

/* After the round trip: settings that are not what they should be, each refused by name. */
static void test_bad_settings(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"{", "guidance.json"},
        {"[]", "aggregate"},
        {"{\"aggregate\":\"mean\"}", "aggregate"},
        {"{\"aggregate\":\"sum\",\"bound\":\"tanh\"}", "bound"},
        {"{\"aggregate\":\"sum\",\"bound\":\"sigmoid\",\"temperature\":0}", "temperature"},
        {"{\"aggregate\":\"sum\",\"bound\":\"sigmoid\",\"temperature\":1,\"head_size\":-4}",
         "head_size"},
        {"{\"aggregate\":\"sum\",\"bound\":\"sigmoid\",\"temperature\":1,\"head_size\":25}",
         "head.0.weight"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_settings(bad[i][0]);
        assert_null(tw_guidance_open(folder, TW_USE_FROZEN));
        if (!strstr(tw_error(), bad[i][1]) || !strstr(tw_error(), folder))
            fail_msg("%s: says %s", bad[i][0], tw_error());
    }
    assert_null(tw_guidance_open(GPT2, TW_USE_FROZEN));
    assert_non_null(strstr(tw_error(), "guidance.json"));
}

/* A fresh head gives about 0.549 (METHOD.md) everywhere, a function of the seed. */
static void test_fresh_head(void **state)
{
    (void)state;
    tw_guidance *a = tw_guidance_start(GPT2, &tw_guidance_defaults, 5);
    tw_guidance *b = tw_guidance_start(GPT2, &tw_guidance_defaults, 6);
    assert_non_null(a);
    assert_int_equal(a->head.weight1->rows, 2048);
    double limit = 1e-4 * sqrt(6.0 / (2048 + 40)), most = 0, sum = 0;
    size_t count = (size_t)2048 * 40;
    for (size_t i = 0; i < count; i++) {
        most = fmax(most, fabs((double)a->head.weight1->x[i]));
        sum += (double)a->head.weight1->x[i];
    }
    assert_true(most <= limit * (1 + 1e-6) && most > 0.999 * limit);
    assert_true(fabs(sum / (double)count) < 6 * limit / sqrt(3 * (double)count));
    assert_true(a->head.bias1->x[7] == -1e-4F && a->head.bias2->x[0] == -1e-4F);
    assert_memory_not_equal(a->head.weight1->x, b->head.weight1->x, count * sizeof(float));
    tw_tape *tape = tw_tape_new(false);
    float rewards[3];
    tw_guidance_of(a, tape, (int32_t[]){5}, 1, &(tw_guided){(int32_t[]){9, 8, 2}, 3}, 1, rewards);
    for (size_t i = 0; i < 3; i++)
        assert_true(fabs((double)rewards[i] - 0.549) < 5e-4);
    tw_tape_free(tape);
    tw_guidance_free(a);
    tw_guidance_free(b);
}

/* Every subset of 2 out of 5 comes up over visits, sorted; with scores of which four are
 * equal the fifth is always in. */
static void test_generations_of_a_visit(void **state)
{
    (void)state;
    tw_generation generations[5] = {
        {.score = 1}, {.score = 2}, {.score = 3}, {.score = 4}, {.score = 5}};
    tw_group group = {.generations = generations, .count = 5};
    uint32_t chosen[5];
    size_t seen[25] = {0}, kinds = 0;
    for (uint64_t number = 0; number < 1000; number++) {
        tw_visit visit = {&group, 3, number};
        assert_int_equal(tw_choose_generations(&visit, 1, 2, chosen), 2);
        assert_true(chosen[0] < chosen[1] && chosen[1] < 5);
        seen[chosen[0] * 5 + chosen[1]]++;
    }
    for (size_t i = 0; i < 25; i++) {
        kinds += seen[i] > 0;
        if (seen[i] > 0)
            assert_in_range(seen[i], 43, 157); /* 100 expected, s.d. 9.5 */
    }
    assert_int_equal(kinds, 10);
    for (size_t k = 1; k < 5; k++)
        generations[k].score = 2;
    for (uint64_t number = 0; number < 100; number++) {
        tw_visit visit = {&group, 3, number};
        tw_choose_generations(&visit, 1, 2, chosen);
        assert_int_equal(chosen[0], 0);
    }
    assert_int_equal(tw_choose_generations(&(tw_visit){&group, 0, 0}, 1, 9, chosen), 5);
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    scratch_remove(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_models),        cmocka_unit_test(test_folder_round_trip),
        cmocka_unit_test(test_bad_settings),           cmocka_unit_test(test_fresh_head),
        cmocka_unit_test(test_generations_of_a_visit),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
