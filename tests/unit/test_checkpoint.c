/* Checkpoints, and the training loop over a toy model: a run that is interrupted or killed
 * and resumed ends with the bytes of one that was not. */
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <jansson.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/progress.h"
#include "core/rng.h"
#include "errors.h"
#include "model/model.h"
#include "scratch.h"
#include "train/checkpoint.h"
#include "train/loop.h"

static char folder[] = "/tmp/test_checkpoint.XXXXXX";

enum { WIDTH = 37 };

static tw_params make_params(void)
{
    tw_params params = {0};
    tw_params_add(&params, "weight", 2, 3, WIDTH);
    tw_params_add(&params, "bias", 1, 1, 3);
    tw_params_allocate(&params, true);
    return params;
}

static void fill(float *x, const tw_params *params, uint64_t seed)
{
    for (size_t t = 0; t < params->count; t++) {
        const tw_tensor *tensor = params->tensors[t];
        for (size_t i = 0; i < tensor->rows * tensor->width; i++)
            x[tensor->x - params->x + (ptrdiff_t)i] =
                (float)tw_normal(seed, TW_RNG_INIT, t, 0, (uint32_t)i);
    }
}

/* --- the folder --------------------------------------------------------------- */

static void load(const char *path, tw_checkpoint *checkpoint)
{
    checkpoint->state = tw_checkpoint_state(path);
    if (!checkpoint->state || tw_checkpoint_load(path, checkpoint) < 0)
        fail_msg("%s", tw_error());
    json_decref(checkpoint->state);
}

static void test_save_and_load(void **state)
{
    (void)state;
    char *path = tw_join_path(folder, "one.checkpoint");
    tw_params params = make_params(), other = make_params();
    tw_adam adam, other_adam;
    tw_adam_init(&adam, &params, &tw_adam_defaults);
    tw_adam_init(&other_adam, &other, &tw_adam_defaults);
    float *best = tw_alloc(params.size, sizeof *best), *got = tw_alloc(params.size, sizeof *got);
    fill(params.x, &params, 1);
    fill(adam.m, &params, 2);
    fill(adam.v, &params, 3);
    fill(best, &params, 4);
    json_t *json = json_pack("{s:i, s:i}", "checkpoint", 2, "step", 5);
    tw_checkpoint saved = {&params, &adam, best, false, json};
    assert_false(tw_checkpoint_exists(path));
    assert_int_equal(tw_checkpoint_remove(path), 0);
    assert_int_equal(tw_checkpoint_save(path, &saved), 0);
    assert_true(tw_checkpoint_exists(path));
    tw_checkpoint loaded = {&other, &other_adam, got, true, NULL};
    load(path, &loaded);
    assert_false(loaded.has_best);
    saved.has_best = true;
    assert_int_equal(tw_checkpoint_save(path, &saved), 0);
    load(path, &loaded);
    assert_true(loaded.has_best);
    size_t bytes = params.size * sizeof(float);
    assert_memory_equal(other.x, params.x, bytes);
    assert_memory_equal(other_adam.m, adam.m, bytes);
    assert_memory_equal(other_adam.v, adam.v, bytes);
    assert_memory_equal(got, best, bytes);
    json_t *read = tw_checkpoint_state(path);
    assert_int_equal(json_object_size(json_object_get(read, "checksums")), 3);
    json_object_del(read, "checksums");
    json_object_del(read, "checksum");
    assert_true(json_equal(read, json));
    json_decref(read);
    json_decref(json);
    free(best);
    free(got);
    tw_adam_free(&adam);
    tw_adam_free(&other_adam);
    tw_params_free(&params);
    tw_params_free(&other);
    free(path);
}

/* The checkpoint of the test before does not fit parameters of another name, shape or
 * number; a file too many keeps the folder from being removed. */
static void test_another_model(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t width, count;
        const char *said;
    } wrong[] = {{"weight", WIDTH + 1, 2, "weight: another shape"},
                 {"weigth", WIDTH, 2, "weigth: missing"},
                 {"weight", WIDTH, 1, "expected 1 arrays, got 2"}};
    char *path = tw_join_path(folder, "one.checkpoint");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        tw_params params = {0};
        tw_params_add(&params, wrong[i].name, 2, 3, wrong[i].width);
        if (wrong[i].count == 2)
            tw_params_add(&params, "bias", 1, 1, 3);
        tw_params_allocate(&params, true);
        tw_adam adam;
        tw_adam_init(&adam, &params, &tw_adam_defaults);
        tw_checkpoint loaded = {&params, &adam, NULL, false, tw_checkpoint_state(path)};
        assert_int_equal(tw_checkpoint_load(path, &loaded), -1);
        json_decref(loaded.state);
        expect_error(wrong[i].said);
        expect_error("weights.safetensors");
        tw_adam_free(&adam);
        tw_params_free(&params);
    }
    char *extra = tw_join_path(path, "notes.txt");
    assert_int_equal(tw_write_file(extra, "mine", 4), 0);
    assert_int_equal(tw_checkpoint_remove(path), -1);
    expect_error("one.checkpoint: it holds notes.txt, which these programs do not write there");
    assert_int_equal(access(extra, F_OK), 0);
    assert_true(tw_checkpoint_exists(path));
    unlink(extra);
    assert_int_equal(tw_checkpoint_remove(path), 0);
    assert_int_equal(access(path, F_OK), -1);
    free(extra);
    free(path);
}

/* --- the loop ------------------------------------------------------------------ */

/* Least squares towards noisy targets; fails by a signal in one of its passes. */
typedef struct toy {
    tw_params params;
    int64_t signal_pass;
    int signal;
} toy;

static int toy_pass(void *context, uint64_t pass, tw_pass *report)
{
    toy *toy = context;
    if ((int64_t)pass == toy->signal_pass)
        raise(toy->signal);
    for (size_t t = 0; t < toy->params.count; t++) {
        tw_tensor *tensor = toy->params.tensors[t];
        for (size_t i = 0; i < tensor->rows * tensor->width; i++) {
            float d = tensor->x[i] -
                      (float)(1 + tw_normal(7, TW_RNG_SAMPLE, pass, (uint32_t)t, (uint32_t)i));
            report->loss += 0.5 * (double)(d * d);
            tensor->dx[i] += d;
        }
    }
    report->tokens = 10;
    return 0;
}

static int toy_validate(void *context, uint64_t step, tw_validation *report)
{
    const toy *toy = context;
    report->value = 0;
    for (size_t i = 0; i < 3 * WIDTH; i++)
        report->value += fabs((double)toy->params.x[i] - 1);
    json_object_set_new(report->measures, "at", json_integer((json_int_t)step));
    return 0;
}

static int toy_save(void *context, const char *path)
{
    const toy *toy = context;
    char *config = tw_join_path(path, "config.json"),
         *values = tw_join_path(path, "model.safetensors");
    int status = tw_write_file(config, "{}", 2);
    if (status == 0)
        status = tw_write_file(values, toy->params.x, toy->params.size * sizeof(float));
    free(config);
    free(values);
    return status;
}

typedef struct plan {
    const char *name;
    int64_t steps, accumulate, eval_every, patience, save_every;
    bool resume;
    int64_t signal_pass;
    int signal;
    uint64_t digest;
} plan;

static int run_toy(const plan *plan)
{
    toy toy = {make_params(), plan->signal_pass, plan->signal};
    char *output = tw_join_path(folder, plan->name), *log = tw_format("%s.log", output);
    tw_common common = TW_COMMON_DEFAULTS;
    common.quiet = true;
    common.log = log;
    tw_train_options options = {.learning_rate = 0.05,
                                .clip = 20,
                                .weight_decay = 0.01,
                                .batch_size = 1,
                                .accumulate = plan->accumulate,
                                .schedule = TW_SCHEDULE_PLATEAU,
                                .warmup = 3,
                                .eval_every = plan->eval_every,
                                .patience = plan->patience,
                                .save_every = plan->save_every,
                                .resume = plan->resume};
    tw_training training = {.options = &options,
                            .common = &common,
                            .program = "toy",
                            .output = output,
                            .params = &toy.params,
                            .adam = tw_adam_defaults,
                            .steps = (uint64_t)plan->steps,
                            .digest = plan->digest,
                            .context = &toy,
                            .pass = toy_pass,
                            .validate = toy_validate,
                            .save = toy_save};
    int end = tw_train(&training);
    tw_params_free(&toy.params);
    free(log);
    free(output);
    return end;
}

/* In a process of its own: the wait status. Its exit status is the training's end. */
static int run_apart(const plan *plan)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        tw_catch_signals();
        _exit(run_toy(plan) & 0xff);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static char *read_result(const char *name, const char *rest, size_t *size)
{
    char *path = tw_format("%s/%s%s", folder, name, rest);
    char *bytes = tw_read_file(path, 1 << 20, size);
    if (!bytes)
        fail_msg("%s", tw_error());
    free(path);
    return bytes;
}

static bool exists(const char *name, const char *rest)
{
    char *path = tw_format("%s/%s%s", folder, name, rest);
    bool there = access(path, F_OK) == 0;
    free(path);
    return there;
}

/* Logs, without the speed, which is never the same. */
static char *cut_speed(char *log)
{
    for (char *at; (at = strstr(log, "\"tokens_per_second\":"));) {
        char *end = at + strcspn(at, ",}");
        memmove(at, end, strlen(end) + 1);
    }
    return log;
}

static void check_same(const char *a, const char *b)
{
    static const char *const files[] = {"/model.safetensors", ".log"};
    for (size_t i = 0; i < 2; i++) {
        size_t size_a = 0, size_b = 0;
        char *x = read_result(a, files[i], &size_a), *y = read_result(b, files[i], &size_b);
        if (i == 1) {
            assert_string_equal(cut_speed(x), cut_speed(y));
        } else {
            assert_int_equal(size_a, size_b);
            assert_memory_equal(x, y, size_a);
        }
        free(x);
        free(y);
    }
}

static const plan whole = {.name = "whole",
                           .steps = 60,
                           .accumulate = 3,
                           .eval_every = 4,
                           .patience = 0,
                           .signal_pass = -1};

static void test_interrupted_is_resumed(void **state)
{
    (void)state;
    static const int64_t passes[] = {0, 1, 47, 48, 50, 95, 178};
    assert_int_equal(run_apart(&whole), 0);
    assert_false(exists("whole", ".checkpoint"));
    for (size_t i = 0; i < sizeof passes / sizeof *passes; i++) {
        plan part = whole;
        part.name = "part";
        part.signal = i % 2 ? SIGTERM : SIGINT;
        part.signal_pass = passes[i];
        int status = run_apart(&part);
        /* In the last step there is nothing left to interrupt. */
        assert_int_equal(WEXITSTATUS(status), passes[i] == 178 ? TW_TRAINED : TW_TRAINING_STOPPED);
        part.signal_pass = -1;
        if (passes[i] != 178) {
            assert_true(exists("part", ".checkpoint/state.json"));
            part.resume = true;
            assert_int_equal(run_apart(&part), 0);
        }
        assert_false(exists("part", ".checkpoint"));
        check_same("whole", "part");
    }
}

static void test_killed_is_resumed(void **state)
{
    (void)state;
    for (int64_t pass = 5; pass < 180; pass += 29) {
        plan part = whole;
        part.name = "killed";
        part.save_every = 7;
        part.signal = SIGKILL;
        part.signal_pass = pass;
        assert_true(WIFSIGNALED(run_apart(&part)));
        part.signal_pass = pass + 11 < 180 ? pass + 11 : -1;
        part.resume = true; /* killed again; without a checkpoint it begins anew */
        assert_int_equal(WIFSIGNALED(run_apart(&part)), part.signal_pass >= 0);
        part.signal_pass = -1;
        assert_int_equal(run_apart(&part), 0);
        check_same("whole", "killed");
    }
}

static void test_resume_refuses_another_run(void **state)
{
    (void)state;
    plan part = whole;
    part.name = "other";
    part.signal = SIGTERM;
    part.signal_pass = 40;
    assert_int_equal(WEXITSTATUS(run_apart(&part)), TW_TRAINING_STOPPED);
    part.signal_pass = -1;
    assert_int_equal(run_toy(&part), -1);
    expect_error("other.checkpoint: ");
    expect_error("--resume");
    part.resume = true;
    part.digest = 1;
    assert_int_equal(run_toy(&part), -1);
    expect_error("other options");
    part.digest = 0;
    assert_int_equal(run_toy(&part), TW_TRAINED);
    check_same("whole", "other");
}

/* Far beyond what helps the validation: stops, and keeps the best weights. */
static void test_early_stop_keeps_the_best(void **state)
{
    (void)state;
    plan part = whole;
    part.name = "early";
    part.accumulate = 1;
    part.steps = 100000;
    part.patience = 6;
    assert_int_equal(run_toy(&part), TW_TRAINED);
    size_t size = 0;
    char *log = read_result("early", ".log", &size), *line = log, *next;
    double best = INFINITY, last = 0;
    int64_t stale = 0, steps = 0;
    for (; (next = strchr(line, '\n')); line = next + 1) {
        json_t *json = json_loadb(line, (size_t)(next - line), 0, NULL);
        const json_t *value = json_object_get(json, "validation");
        steps = json_integer_value(json_object_get(json, "step"));
        if (value) {
            last = json_number_value(value);
            assert_int_equal(json_is_true(json_object_get(json, "best")), last < best);
            assert_int_equal(json_integer_value(json_object_get(json, "at")), steps);
            stale = last < best ? 0 : stale + 1;
            best = fmin(best, last);
        }
        json_decref(json);
    }
    assert_int_equal(stale, 6);
    assert_true(steps < 100000 && last > best);
    free(log);
    float x[3 * WIDTH];
    char *bytes = read_result("early", "/model.safetensors", &size);
    assert_true(size >= sizeof x);
    memcpy(x, bytes, sizeof x);
    free(bytes);
    double value = 0;
    for (size_t i = 0; i < 3 * WIDTH; i++)
        value += fabs((double)x[i] - 1);
    assert_true(fabs(value - best) <= 1e-8 * best); /* the log has 9 digits */
}

static void test_unwritable_output(void **state)
{
    (void)state;
    plan part = whole;
    part.name = "whole.log"; /* a file */
    assert_int_equal(run_toy(&part), -1);
    expect_error("whole.log");
    part.name = "no/such/folder";
    assert_int_equal(run_toy(&part), -1);
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
        cmocka_unit_test(test_save_and_load),
        cmocka_unit_test(test_another_model),
        cmocka_unit_test(test_interrupted_is_resumed),
        cmocka_unit_test(test_killed_is_resumed),
        cmocka_unit_test(test_resume_refuses_another_run),
        cmocka_unit_test(test_early_stop_keeps_the_best),
        cmocka_unit_test(test_unwritable_output),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
