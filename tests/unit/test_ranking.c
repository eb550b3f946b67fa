/* Kendall's tau-b and NDCG against what SciPy and scikit-learn record
 * (tests/oracle/ranking.py), and what they are where there is no order. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <float.h>
#include <jansson.h>
#include <math.h>

#include "metric/ranking.h"
#include "recorded.h"

enum { MOST = 64 };

/* Recorded with twelve digits. */
#define TOLERANCE 1e-11

static size_t read_numbers(const json_t *list, double *numbers)
{
    const size_t count = json_array_size(list);
    assert_in_range(count, 2, MOST);
    for (size_t i = 0; i < count; i++)
        numbers[i] = json_is_null(json_array_get(list, i)) ? -INFINITY : number_at(list, i);
    return count;
}

static void test_recorded(void **state)
{
    (void)state;
    size_t i;
    json_t *group, *groups = json_load_file("tests/fixtures/ranking.json", 0, NULL);
    double scores[MOST], e[MOST];
    assert_true(json_array_size(groups) >= 130);
    json_array_foreach(groups, i, group)
    {
        const size_t count = read_numbers(field(group, "scores"), scores);
        assert_int_equal(read_numbers(field(group, "e"), e), count);
        check_close(json_number_value(field(group, "kendall")), tw_kendall_tau_b(scores, e, count),
                    1, TOLERANCE, "kendall");
        check_close(json_number_value(field(group, "ndcg")), tw_ndcg(scores, e, count), 1,
                    TOLERANCE, "ndcg");
    }
    json_decref(groups);
}

static void test_no_order(void **state)
{
    (void)state;
    const double equal[] = {3, 3, 3}, e[] = {1, 2, 3}, up[] = {1, 5, 9};
    for (size_t count = 0; count <= 3; count++) {
        assert_true(isnan(tw_kendall_tau_b(equal, e, count)));
        assert_true(isnan(tw_ndcg(equal, e, count)));
    }
    assert_true(isnan(tw_kendall_tau_b(up, e, 1)) && isnan(tw_ndcg(up, e, 1)));
    /* All not chosen: nothing is known; one of two: all is. */
    const double none[] = {-INFINITY, -INFINITY}, one[] = {-INFINITY, -1};
    assert_true(isnan(tw_kendall_tau_b(none, e, 2)) && isnan(tw_ndcg(none, e, 2)));
    assert_true(tw_kendall_tau_b(one, e, 2) == 1 && tw_ndcg(one, e, 2) == 1);
    /* Guesses that tell nothing apart: no association, and the mean of all orders. */
    assert_true(tw_kendall_tau_b(up, equal, 3) == 0);
    const double ndcg = tw_ndcg(up, equal, 3);
    assert_true(ndcg > tw_ndcg(up, (const double[]){3, 2, 1}, 3) && ndcg < tw_ndcg(up, e, 3));
}

/* Moving and scaling the scores changes nothing, nor do numbers at the ends of the range. */
static void test_scale(void **state)
{
    (void)state;
    const double scores[] = {0.5, -2, 8, 1, 1}, e[] = {0.3, 0.1, 0.2, 0.25, 0.4};
    double moved[5];
    for (int i = 0; i < 5; i++)
        moved[i] = 1000 + 16 * scores[i];
    check_close(tw_ndcg(scores, e, 5), tw_ndcg(moved, e, 5), 1, 1e-12, "ndcg moved");
    check_close(tw_kendall_tau_b(scores, e, 5), tw_kendall_tau_b(moved, e, 5), 1, 1e-15, "tau");
    const double extreme[] = {-DBL_MAX, DBL_MAX, 0};
    assert_true(tw_ndcg(extreme, (const double[]){1, 3, 2}, 3) == 1);
    assert_true(tw_kendall_tau_b(extreme, (const double[]){1, 3, 2}, 3) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_no_order),
        cmocka_unit_test(test_scale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
