/* Schedules: the plateau against PyTorch's ReduceLROnPlateau (tests/oracle/guidance.py),
 * the others against their closed forms; best tracking; states through JSON. */
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

#include "train/options.h"
#include "train/schedule.h"

static bool close_to(double got, double want)
{
    return fabs(got - want) <= 1e-12 * fmax(fabs(want), 1e-12);
}

/* Through JSON text and back: what a resumed run goes on with. */
static void reload(tw_plateau *plateau)
{
    json_t *json = tw_plateau_to_json(plateau);
    char *text = json_dumps(json, JSON_REAL_PRECISION(17));
    json_decref(json);
    json = json_loads(text, 0, NULL);
    tw_plateau fresh;
    tw_plateau_init(&fresh, 1, plateau->maximise);
    assert_int_equal(tw_plateau_from_json(&fresh, json), 0);
    assert_true(fresh.rate == plateau->rate && fresh.best == plateau->best &&
                fresh.bad == plateau->bad);
    *plateau = fresh;
    json_decref(json);
    free(text);
}

static void follow(const json_t *run, bool reloaded)
{
    bool maximise = strcmp(json_string_value(json_object_get(run, "mode")), "max") == 0;
    const json_t *values = json_object_get(run, "values"), *rates = json_object_get(run, "rates");
    tw_plateau plateau;
    tw_plateau_init(&plateau, 5e-5, maximise);
    size_t reductions = 0;
    for (size_t i = 0; i < json_array_size(values); i++) {
        double before = plateau.rate;
        bool reduced = tw_plateau_update(&plateau, json_number_value(json_array_get(values, i)));
        assert_true(reduced == (plateau.rate < before));
        reductions += reduced;
        if (!close_to(plateau.rate, json_number_value(json_array_get(rates, i))))
            fail_msg("validation %zu: rate %g, expected %g", i, plateau.rate,
                     json_number_value(json_array_get(rates, i)));
        if (reloaded)
            reload(&plateau);
    }
    assert_true(reductions > 0);
}

static void test_recorded_plateaus(void **state)
{
    (void)state;
    json_t *all = json_load_file("tests/fixtures/training.json", 0, NULL);
    const json_t *runs = json_object_get(all, "plateau");
    assert_true(json_array_size(runs) > 0);
    for (size_t i = 0; i < json_array_size(runs); i++) {
        follow(json_array_get(runs, i), false);
        follow(json_array_get(runs, i), true);
    }
    json_decref(all);
}

static void test_plateau_takes_nan_for_no_improvement(void **state)
{
    (void)state;
    tw_plateau plateau;
    tw_plateau_init(&plateau, 1, false);
    reload(&plateau); /* before there is a best */
    assert_false(tw_plateau_update(&plateau, 1));
    assert_false(tw_plateau_update(&plateau, NAN));
    assert_false(tw_plateau_update(&plateau, NAN));
    assert_true(tw_plateau_update(&plateau, NAN));
    assert_true(close_to(plateau.rate, 0.8));
}

static void test_rates(void **state)
{
    (void)state;
    static const double warm[] = {0.25, 0.5, 0.75, 1};
    tw_schedule schedule;
    for (int kind = 0; kind < 4; kind++) {
        tw_schedule_init(&schedule, (tw_schedule_kind)kind, 1, 4, 12, false);
        for (uint64_t step = 0; step < 4; step++)
            assert_true(close_to(tw_schedule_rate(&schedule, step), warm[step]));
        assert_true(close_to(tw_schedule_rate(&schedule, 4), 1));
        for (uint64_t step = 4; step < 12; step++) {
            double way = (double)(step - 4) / 8, want = 1;
            if (kind == TW_SCHEDULE_LINEAR)
                want = 1 - way;
            if (kind == TW_SCHEDULE_COSINE)
                want = (1 + cos(M_PI * way)) / 2;
            assert_true(close_to(tw_schedule_rate(&schedule, step), want));
        }
    }
    /* kind is the plateau now: its rate counts, under the warm-up too. */
    schedule.plateau.rate = 0.5;
    assert_true(close_to(tw_schedule_rate(&schedule, 0), 0.125));
    assert_true(close_to(tw_schedule_rate(&schedule, 9), 0.5));
    tw_schedule_init(&schedule, TW_SCHEDULE_LINEAR, 1, 9, 3, false);
    assert_true(close_to(tw_schedule_rate(&schedule, 2), 3.0 / 9));
}

static void test_best(void **state)
{
    (void)state;
    tw_best best = {.maximise = true};
    assert_false(tw_best_update(&best, NAN, 0));
    assert_int_equal(best.stale, 1);
    assert_true(tw_best_update(&best, -3, 10));
    assert_false(tw_best_update(&best, -3, 20));
    assert_false(tw_best_update(&best, NAN, 30));
    assert_int_equal(best.stale, 2);
    json_t *json = tw_best_to_json(&best);
    tw_best other = {.maximise = true};
    assert_int_equal(tw_best_from_json(&other, json), 0);
    assert_true(other.any && other.value == -3 && other.step == 10 && other.stale == 2);
    json_object_set_new(json, "stale", json_string("two"));
    assert_int_equal(tw_best_from_json(&other, json), -1);
    json_decref(json);
    assert_true(tw_best_update(&other, -2.5, 40));
    assert_true(other.stale == 0 && other.maximise);
    other.maximise = false;
    assert_true(tw_best_update(&other, -4, 50));
}

static void test_steps(void **state)
{
    (void)state;
    tw_train_options options = {.batch_size = 8, .accumulate = 4, .epochs = 0.1};
    assert_int_equal(tw_train_steps(&options, 3200), 10); /* 0.1 is more than a tenth */
    assert_int_equal(tw_train_steps(&options, 3201), 11);
    assert_int_equal(tw_train_steps(&options, 1), 1);
    options.epochs = 3;
    assert_int_equal(tw_train_steps(&options, 33), 4);
    options.steps = 7;
    assert_int_equal(tw_train_steps(&options, 33), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_plateaus),
        cmocka_unit_test(test_plateau_takes_nan_for_no_improvement),
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_best),
        cmocka_unit_test(test_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
