/* Bounds, aggregations and Plackett-Luce against what PyTorch records
 * (tests/oracle/guidance.py), against finite differences, and by their properties. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <jansson.h>

#include "core/rng.h"
#include "guidance/aggregate.h"
#include "guidance/bound.h"
#include "guidance/plackett-luce.h"

enum { MAX_COUNT = 8, MAX_TOKENS = 64 };

/* Both sides compute in double from the same fp32 rewards; gradients here are stored
 * as fp32. */
static const double CLOSE = 1e-12, CLOSE_F32 = 1e-6;

static json_t *recorded(const char *what)
{
    json_error_t error;
    json_t *all = json_load_file("tests/fixtures/guidance.json", 0, &error);
    if (!all)
        fail_msg("guidance.json: %s", error.text);
    json_t *part = json_incref(json_object_get(all, what));
    json_decref(all);
    assert_non_null(part);
    return part;
}

static double number(const json_t *array, size_t i)
{
    return json_number_value(json_array_get(array, i));
}

static void check_close(const char *what, double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance * fmax(fabs(want), 1e-3)))
        fail_msg("%s: got %.17g, expected %.17g", what, got, want);
}

static void test_bounds(void **state)
{
    (void)state;
    static const char *const names[] = {"softplus", "sigmoid"};
    json_t *all = recorded("bounds");
    const json_t *z = json_object_get(all, "z");
    for (int kind = 0; kind < 2; kind++) {
        const json_t *want = json_object_get(all, names[kind]);
        for (size_t i = 0; i < json_array_size(z); i++) {
            double at = number(z, i);
            check_close(names[kind], tw_bound((tw_bound_kind)kind, at),
                        number(json_object_get(want, "r"), i), 1e-9);
            check_close("slope", tw_bound_slope((tw_bound_kind)kind, at),
                        number(json_object_get(want, "slope"), i), 1e-9);
        }
    }
    json_decref(all);
}

static void test_bounds_stay_within(void **state)
{
    (void)state;
    const double highest[] = {log1p(exp(1)), 1};
    for (int kind = 0; kind < 2; kind++) {
        assert_true(tw_bound((tw_bound_kind)kind, NAN) == 0);
        assert_true(tw_bound_slope((tw_bound_kind)kind, NAN) == 0);
        double before = -1;
        for (int z = -2000; z <= 2000; z++) {
            double r = tw_bound((tw_bound_kind)kind, 0.5 * z);
            assert_true(r >= 0 && r <= highest[kind] + 1e-7 && r >= before);
            before = r;
        }
        assert_true(isfinite(tw_bound((tw_bound_kind)kind, INFINITY)));
        assert_true(isfinite(tw_bound((tw_bound_kind)kind, -INFINITY)));
    }
}

typedef struct group {
    tw_aggregate aggregate;
    size_t lengths[MAX_COUNT], count, tokens;
    float rewards[MAX_TOKENS];
    uint32_t order[MAX_COUNT];
} group;

static group read_group(const json_t *json)
{
    static const char *const names[] = {"average", "sum", "softmax", "softmin"};
    group group = {0};
    const char *name = json_string_value(json_object_get(json, "aggregate"));
    for (int i = 0; i < 4; i++)
        if (strcmp(name, names[i]) == 0)
            group.aggregate.kind = (tw_aggregate_kind)i;
    group.aggregate.temperature = json_number_value(json_object_get(json, "temperature"));
    const json_t *lengths = json_object_get(json, "lengths");
    group.count = json_array_size(lengths);
    for (size_t k = 0; k < group.count; k++) {
        group.lengths[k] = (size_t)number(lengths, k);
        group.order[k] = (uint32_t)number(json_object_get(json, "order"), k);
        group.tokens += group.lengths[k];
    }
    assert_true(group.count <= MAX_COUNT && group.tokens <= MAX_TOKENS);
    for (size_t t = 0; t < group.tokens; t++)
        group.rewards[t] = (float)number(json_object_get(json, "rewards"), t);
    return group;
}

static double loss_of(const group *group, double *e, double *d_e)
{
    tw_aggregate_scores(&group->aggregate, group->rewards, group->lengths, group->count, e);
    return tw_plackett_luce(e, group->order, group->count, d_e);
}

static void test_recorded_groups(void **state)
{
    (void)state;
    json_t *all = recorded("groups");
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *want = json_array_get(all, i);
        group group = read_group(want);
        double e[MAX_COUNT], d_e[MAX_COUNT];
        float d_rewards[MAX_TOKENS];
        check_close("loss", loss_of(&group, e, d_e),
                    json_number_value(json_object_get(want, "loss")), CLOSE);
        for (size_t k = 0; k < group.count; k++) {
            check_close("e", e[k], number(json_object_get(want, "e"), k), CLOSE);
            check_close("d_e", d_e[k], number(json_object_get(want, "d_e"), k), 1e-9);
        }
        tw_aggregate_gradient(&group.aggregate, group.rewards, group.lengths, group.count, d_e,
                              d_rewards);
        for (size_t t = 0; t < group.tokens; t++)
            check_close("d_rewards", (double)d_rewards[t],
                        number(json_object_get(want, "d_rewards"), t), CLOSE_F32);
    }
    json_decref(all);
}

/* Central differences of the loss over each reward. Rewards are fp32, so the step is a
 * power of two that adds without rounding, and the rest is double: 2^-10 leaves a
 * truncation near 1e-6 relative to curvature, at the low temperature 1e-3. */
static void test_gradients_by_differences(void **state)
{
    (void)state;
    static const float STEP = 0x1p-12F;
    for (int kind = 0; kind < 4; kind++) {
        group group = {.aggregate = {(tw_aggregate_kind)kind, 0.7},
                       .lengths = {3, 1, 5},
                       .count = 3,
                       .tokens = 9,
                       .order = {2, 0, 1}};
        for (size_t t = 0; t < group.tokens; t++)
            group.rewards[t] = (float)(0.125 * (double)((5 * t) % 8));
        double e[MAX_COUNT], d_e[MAX_COUNT];
        float d[MAX_TOKENS];
        loss_of(&group, e, d_e);
        tw_aggregate_gradient(&group.aggregate, group.rewards, group.lengths, group.count, d_e, d);
        for (size_t t = 0; t < group.tokens; t++) {
            float keep = group.rewards[t];
            group.rewards[t] = keep + STEP;
            double up = loss_of(&group, e, NULL);
            group.rewards[t] = keep - STEP;
            double down = loss_of(&group, e, NULL);
            group.rewards[t] = keep;
            check_close("difference", (up - down) / (2 * (double)STEP), (double)d[t], 1e-4);
        }
    }
}

/* With equal lengths the average is the sum; with one token each, all four agree up to
 * the soft ones' scale C = 1. */
static void test_aggregates_agree(void **state)
{
    (void)state;
    float rewards[6] = {0.25F, 0.5F, 0.125F, 0.75F, 1, 0.5F};
    size_t threes[2] = {3, 3}, ones[6] = {1, 1, 1, 1, 1, 1};
    double a[6], b[6];
    tw_aggregate average = {TW_AGGREGATE_AVERAGE, 2}, sum = {TW_AGGREGATE_SUM, 2};
    tw_aggregate_scores(&average, rewards, threes, 2, a);
    tw_aggregate_scores(&sum, rewards, threes, 2, b);
    check_close("average of equal lengths", a[1], b[1], CLOSE);
    for (int kind = 0; kind < 4; kind++) {
        tw_aggregate aggregate = {(tw_aggregate_kind)kind, 0.3};
        tw_aggregate_scores(&aggregate, rewards, ones, 6, a);
        for (size_t k = 0; k < 6; k++)
            check_close("one token", a[k], (double)rewards[k], CLOSE);
    }
}

static void test_two_are_bradley_terry(void **state)
{
    (void)state;
    double e[2] = {0.3, 1.7}, d_e[2];
    uint32_t order[2] = {1, 0};
    double p = 1 / (1 + exp(0.3 - 1.7)); /* that the better one wins */
    check_close("loss", tw_plackett_luce(e, order, 2, d_e), -log(p), CLOSE);
    check_close("gradient", d_e[1], p - 1, CLOSE);
    check_close("gradient", d_e[0], 1 - p, CLOSE);
}

/* Over all orders of three the model's probabilities sum to 1. */
static void test_orders_are_a_distribution(void **state)
{
    (void)state;
    static const uint32_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                          {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    double e[3] = {-0.4, 2.5, 0.9}, total = 0;
    for (size_t i = 0; i < 6; i++)
        total += exp(-tw_plackett_luce(e, orders[i], 3, NULL));
    check_close("sum of probabilities", total, 1, CLOSE);
    assert_true(isfinite(tw_plackett_luce((double[]){1e5, -1e5, 0}, orders[5], 3, NULL)));
    assert_true(tw_plackett_luce(e, orders[0], 1, NULL) == 0);
}

static void test_order_by_score(void **state)
{
    (void)state;
    double scores[5] = {0.5, -1, 3, 0.25, 2};
    static const uint32_t want[5] = {2, 4, 0, 3, 1};
    uint32_t order[5];
    tw_preference_order(scores, 5, 1, 2, 3, order);
    assert_memory_equal(order, want, sizeof want);
}

/* Ties: every order of the tied ones comes up about equally often over visits, the same
 * arguments give the same order, and what is not tied keeps its place. */
static void test_ties_are_broken_afresh(void **state)
{
    (void)state;
    enum { VISITS = 6000 };
    double scores[4] = {1, 7, 1, 1};
    size_t seen[64] = {0}, kinds = 0;
    for (uint64_t visit = 0; visit < VISITS; visit++) {
        uint32_t order[4], again[4];
        tw_preference_order(scores, 4, 9, visit, 21, order);
        tw_preference_order(scores, 4, 9, visit, 21, again);
        assert_memory_equal(order, again, sizeof order);
        assert_int_equal(order[0], 1);
        seen[order[1] * 16 + order[2] * 4 + order[3]]++;
    }
    for (size_t i = 0; i < 64; i++) {
        kinds += seen[i] > 0;
        /* 1000 expected, s.d. 29: six of them. */
        if (seen[i] > 0)
            assert_in_range(seen[i], 826, 1174);
    }
    assert_int_equal(kinds, 6);
}

static void test_pairs(void **state)
{
    (void)state;
    tw_pairs pairs = {0};
    /* True pairs: (0,1), (0,2), (1,3), (2,3), (0,3); 1 and 2 are tied. */
    tw_count_pairs((double[]){3, 2, 2, 1}, (double[]){0.9, 0.9, 0.1, 0.5}, 4, &pairs);
    assert_int_equal(pairs.count, 5);
    /* Right: (0,2), (0,3), (1,3); half: (0,1); wrong: (2,3). */
    check_close("right", pairs.right, 3.5, CLOSE);
    tw_count_pairs((double[]){1, 2}, (double[]){0, 1}, 2, &pairs);
    assert_int_equal(pairs.count, 6);
    check_close("right", pairs.right, 4.5, CLOSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_bounds_stay_within),
        cmocka_unit_test(test_recorded_groups),
        cmocka_unit_test(test_gradients_by_differences),
        cmocka_unit_test(test_aggregates_agree),
        cmocka_unit_test(test_two_are_bradley_terry),
        cmocka_unit_test(test_orders_are_a_distribution),
        cmocka_unit_test(test_order_by_score),
        cmocka_unit_test(test_ties_are_broken_afresh),
        cmocka_unit_test(test_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
