/* Coloured tokens. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "metric/paint.h"

static void painted(const tw_paint *paint, const char *piece, double value, const char *wanted)
{
    char *text = tw_paint_text(paint, &piece, &value, 1);
    assert_string_equal(text, wanted);
    free(text);
}

static void test_colours(void **state)
{
    (void)state;
    const tw_paint paint = {true, 0, 1};
    painted(&paint, "a", 0, "\033[48;5;203;38;5;16ma\033[0m");
    painted(&paint, "a", -9, "\033[48;5;203;38;5;16ma\033[0m");
    painted(&paint, "a", 0.5, "\033[48;5;227;38;5;16ma\033[0m");
    painted(&paint, "a", 1, "\033[48;5;83;38;5;16ma\033[0m");
    painted(&paint, "a", INFINITY, "\033[48;5;83;38;5;16ma\033[0m");
    painted(&paint, "a", NAN, "a");
    const tw_paint flat = {true, 2, 2};
    painted(&flat, "a", 2, "\033[48;5;227;38;5;16ma\033[0m");
}

static void test_hostile_text(void **state)
{
    (void)state;
    const tw_paint paint = {true, 0, 1};
    painted(&paint, "\xE2\x96\x81the", 1, "\033[48;5;83;38;5;16m the\033[0m");
    painted(&paint, "\033[2J\x07\x7F\xC2\x9B\xE2\x80\xAE", 1,
            "\033[48;5;83;38;5;16m?[2J????\033[0m");
    painted(&paint, "a\nb", 1,
            "\033[48;5;83;38;5;16ma\u23CE\033[0m\n\033[48;5;83;38;5;16mb\033[0m");
}

static void test_plain(void **state)
{
    (void)state;
    const char *const pieces[] = {"\u2581Hello", ",", "\u2581w\u00f6rld"};
    const double values[] = {0.25, 1, -0.5};
    tw_paint paint = {false, 0, 0};
    tw_paint_scale(&paint, values, 3);
    assert_true(paint.low == -0.5 && paint.high == 1);
    char *text = tw_paint_text(&paint, pieces, values, 3);
    assert_string_equal(text, " Hello{0.25},{1} w\u00f6rld{-0.5}");
    free(text);
    text = tw_paint_text(&paint, pieces, values, 0);
    assert_string_equal(text, "");
    free(text);
    text = tw_paint_legend(&paint);
    assert_string_equal(text, "-0.5 to 1");
    free(text);
}

static void test_scale(void **state)
{
    (void)state;
    tw_paint paint = {false, 5, 5};
    const double values[] = {NAN, INFINITY, 0.5};
    tw_paint_scale(&paint, values, 3);
    assert_true(paint.low == 0.5 && paint.high == 0.5);
    tw_paint_scale(&paint, values, 2);
    assert_true(paint.low == 0 && paint.high == 0);
}

static void test_no_color(void **state)
{
    (void)state;
    unsetenv("NO_COLOR");
    assert_true(tw_paint_wanted(true));
    assert_false(tw_paint_wanted(false));
    setenv("NO_COLOR", "", 1);
    assert_true(tw_paint_wanted(true));
    setenv("NO_COLOR", "1", 1);
    assert_false(tw_paint_wanted(true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_colours),  cmocka_unit_test(test_hostile_text),
        cmocka_unit_test(test_plain),    cmocka_unit_test(test_scale),
        cmocka_unit_test(test_no_color),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
