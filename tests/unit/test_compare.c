/* Two systems on the same records: the statistics against NumPy's with the same random numbers
 * (tests/oracle/compare.py), and the pairing of their records. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "metric/compare.h"
#include "metric/roll.h"
#include "recorded.h"

enum { COLUMNS = 4 };

static double *numbers(const json_t *list)
{
    double *all = tw_alloc(json_array_size(list), sizeof *all);
    for (size_t i = 0; i < json_array_size(list); i++)
        all[i] = number_at(list, i);
    return all;
}

/* Sums of 70 numbers in another order: a few units of the last place, 1e-12 leaves room. The
 * p-value is a count, so the very same. */
static void check_column(const json_t *wanted, const tw_comparison *found)
{
    const size_t records = (size_t)json_integer_value(field(wanted, "records"));
    assert_int_equal(found->records, records);
    if (records == 0) {
        assert_true(isnan(found->a) && isnan(found->b) && isnan(found->p));
        assert_true(isnan(found->difference.mean) && isnan(found->difference.low));
        return;
    }
    const double a = json_number_value(field(wanted, "a"));
    check_close(a, found->a, fabs(a), 1e-12, "a");
    check_close(json_number_value(field(wanted, "b")), found->b, fabs(a), 1e-12, "b");
    check_close(json_number_value(field(wanted, "difference")), found->difference.mean, fabs(a),
                1e-12, "difference");
    check_close(json_number_value(field(wanted, "low")), found->difference.low, fabs(a), 1e-12,
                "low");
    check_close(json_number_value(field(wanted, "high")), found->difference.high, fabs(a), 1e-12,
                "high");
    check_close(json_number_value(field(wanted, "p")), found->p, 1, 1e-15, "p");
}

static void test_recorded(void **state)
{
    (void)state;
    json_t *recorded = json_load_file("tests/fixtures/compare.json", 0, NULL);
    const json_t *cases = field(recorded, "cases"), *one;
    size_t i;
    json_array_foreach(cases, i, one)
    {
        double *a = numbers(field(one, "a")), *b = numbers(field(one, "b"));
        double *weights_a = numbers(field(one, "weights_a"));
        double *weights_b = numbers(field(one, "weights_b"));
        bool exponential[COLUMNS];
        tw_comparison found[COLUMNS];
        const size_t rows = (size_t)json_integer_value(field(one, "rows"));
        assert_int_equal(json_array_size(field(one, "a")), rows * COLUMNS);
        for (size_t c = 0; c < COLUMNS; c++)
            exponential[c] = json_is_true(json_array_get(field(one, "exponential"), c));
        tw_compare(&(tw_system){a, weights_a, COLUMNS, NULL, NULL},
                   &(tw_system){b, weights_b, COLUMNS, NULL, NULL}, rows, COLUMNS, exponential,
                   (uint64_t)json_integer_value(field(one, "seed")), found);
        for (size_t c = 0; c < COLUMNS; c++)
            check_column(json_array_get(field(one, "found"), c), &found[c]);
        free(a);
        free(b);
        free(weights_a);
        free(weights_b);
    }
    assert_int_equal(i, 4);
    json_decref(recorded);
}

static void test_edges(void **state)
{
    (void)state;
    const bool plain = false;
    const double a[] = {1, 2, 3, NAN}, b[] = {11, 12, 13, 5}, weights[] = {1, 1, 1, 0};
    const double full[] = {1, 1, 1, 1};
    tw_comparison found;
    /* Nothing to tell apart. */
    tw_compare(&(tw_system){a, weights, 1, NULL, NULL}, &(tw_system){a, weights, 1, NULL, NULL}, 4,
               1, &plain, 3, &found);
    assert_true(found.p == 1 && found.difference.mean == 0 && found.difference.high == 0);
    /* All differences equal: only the trials without and with all swaps (1/8 each) reach it. */
    tw_compare(&(tw_system){a, weights, 1, NULL, NULL}, &(tw_system){b, full, 1, NULL, NULL}, 4, 1,
               &plain, 3, &found);
    assert_int_equal(found.records, 3);
    assert_true(found.a == 2 && found.b == 12);
    assert_true(fabs(found.difference.low - 10) < 1e-12 &&
                fabs(found.difference.high - 10) < 1e-12);
    assert_true(fabs(found.p - 0.25) < 0.02); /* its deviation is 0.0043 */
    tw_compare(&(tw_system){NULL, NULL, 1, NULL, NULL}, &(tw_system){NULL, NULL, 1, NULL, NULL}, 0,
               1, &plain, 3, &found);
    assert_true(found.records == 0 && isnan(found.p) && isnan(found.difference.mean));
}

/* A record of an id (JSON text) and, unless NULL, a completion with samples. */
static void add(tw_roll *roll, const char *id, const char *completion)
{
    tw_record record = {.json = json_pack("{s:o}", "id", json_loads(id, JSON_DECODE_ANY, NULL)),
                        .line = roll->count + 1,
                        .completion = completion,
                        .samples = completion ? json_array() : NULL};
    tw_roll_add(roll, &record);
    json_decref(record.samples);
    json_decref(record.json);
}

static void refused(tw_roll *a, tw_roll *b, uint64_t unpaired, const char *message)
{
    tw_pairing pairing;
    assert_int_equal(tw_pair(a, b, unpaired, &pairing), -1);
    tw_pairing_clear(&pairing);
    tw_roll_clear(a);
    tw_roll_clear(b);
    assert_string_equal(tw_error(), message);
}

static void test_pairing(void **state)
{
    (void)state;
    tw_roll a = {.name = "a"}, b = {.name = "b"};
    tw_pairing pairing;
    const char *const of_a[] = {"\"z\"", "1", "\"1\"", "7"}, *const of_b[] = {"\"1\"", "\"z\"",
                                                                              "1"};
    const size_t rows_b[] = {1, 2, 0};
    for (size_t i = 0; i < 3; i++) {
        add(&a, of_a[i], NULL);
        add(&b, of_b[i], NULL);
    }
    add(&a, of_a[3], NULL);
    assert_int_equal(tw_pair(&a, &b, 1, &pairing), 0);
    assert_int_equal(pairing.count, 3);
    assert_int_equal(pairing.unpaired, 1);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pairing.a[i], i);
        assert_int_equal(pairing.b[i], rows_b[i]);
    }
    tw_pairing_clear(&pairing);
    refused(&a, &b, 0,
            "expected the same ids in both files: 1 only in a (id 7 in line 4), none only in b");
    assert_int_equal(tw_pair(&a, &b, 0, &pairing), 0);
    assert_int_equal(pairing.count, 0);
    tw_pairing_clear(&pairing);
}

static void test_pairing_refused(void **state)
{
    (void)state;
    tw_roll a = {.name = "a"}, b = {.name = "b"};
    add(&a, "1", NULL);
    add(&b, "2", NULL);
    add(&b, "0", NULL);
    refused(&a, &b, 2 - 1,
            "expected the same ids in both files: 1 only in a (id 1 in line 1), 2 only in b (id 2 "
            "in line 1)");
    add(&a, "\"x\"", NULL);
    add(&b, "\"y\"", NULL);
    add(&b, "\"x\"", NULL);
    add(&b, "\"x\"", NULL);
    refused(&a, &b, 9, "b:3: id: expected a new one, got \"x\" as in line 2");
    add(&a, "1", "the task");
    add(&b, "1", "another");
    refused(&a, &b, 9,
            "a:1: id 1: its completion is another one in b (so are 1 in all): samples of different "
            "tasks are not to be compared");
}

/* A million records are common; their ids must not take gigabytes. */
static void test_a_roll_is_small(void **state)
{
    (void)state;
    enum { RECORDS = 20000 };
    tw_roll roll = {.name = "a"};
    char id[16];
    for (int i = 0; i < RECORDS; i++) {
        snprintf(id, sizeof id, "%d", i);
        add(&roll, id, NULL);
    }
    assert_in_range(tw_roll_bytes(&roll), RECORDS * 32, RECORDS * 100);
    tw_roll_clear(&roll);
    assert_int_equal(tw_roll_bytes(&roll), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_pairing),         cmocka_unit_test(test_pairing_refused),
        cmocka_unit_test(test_a_roll_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
