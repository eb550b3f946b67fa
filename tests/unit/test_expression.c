/* The --by language. */

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
#include "metric/expression.h"

static const char *const names[] = {"a", "b2", "rouge_L"};
static const double values[] = {3, 0.5, -2};
enum { NAMES = 3 };

static double value_of(const char *text)
{
    tw_expression *e = tw_expression_parse(text, names, NAMES);
    if (!e) {
        fail_msg("%s: %s", text, tw_error());
        return NAN;
    }
    const double value = tw_expression_value(e, values);
    tw_expression_free(e);
    return value;
}

static void test_values(void **state)
{
    (void)state;
    const struct {
        const char *text;
        double value;
    } cases[] = {
        {"1", 1},
        {".5", 0.5},
        {"2.", 2},
        {"1e3", 1000},
        {"1.5E-1", 0.15},
        {"a", 3},
        {" a + 2*b2 + rouge_L ", 3 + 2 * 0.5 - 2},
        {"1-2-3", 1 - 2 - 3},
        {"8/4/2", 1},
        {"2+3*4", 14},
        {"(2+3)*4", 20},
        {"-a", -3},
        {"--a", 3},
        {"-+-a", 3},
        {"2*-a", -6},
        {"2--a", 5},
        {"-(a-1)*2", -4},
        {"-a*a", -9},
        {"((((a))))", 3},
        {"a\t-\n1", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (fabs(value_of(cases[i].text) - cases[i].value) > 1e-15)
            fail_msg("%s is %.17g", cases[i].text, value_of(cases[i].text));
    assert_true(isinf(value_of("1/0")));
    assert_true(isnan(value_of("0/0")));
}

static void refused(const char *text, const char *message)
{
    tw_expression *e = tw_expression_parse(text, names, NAMES);
    if (e)
        fail_msg("\"%s\" was accepted", text);
    if (!strstr(tw_error(), message))
        fail_msg("\"%s\": \"%s\" lacks \"%s\"", text, tw_error(), message);
}

static void test_refusals(void **state)
{
    (void)state;
    refused("", "expected a number, a name or \"(\" at the end");
    refused("   ", "at the end");
    refused("a+", "at the end");
    refused("(a", "expected an operator or \")\" at the end");
    refused("a)", "expected an operator at character 2");
    refused("a b2", "expected an operator at character 3");
    refused("2a", "expected an operator at character 2");
    refused("*a", "at character 1");
    refused("a**2", "at character 3");
    refused(".", "expected a number at character 1");
    refused("1e999", "expected a finite number at character 1");
    refused("1;2", "expected an operator at character 2");
    refused("0x10", "expected an operator at character 2");
    refused("inf", "unknown name \"inf\"; there are a, b2 and rouge_L");
    refused("A", "unknown name \"A\"");
    refused("b", "unknown name \"b\"");
    refused("a\xC3\xA9", "expected an operator at character 2");
}

static void test_depth(void **state)
{
    (void)state;
    char text[100001];
    memset(text, '(', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    refused(text, "nested deeper than 100");
    /* The deepest that is allowed, with as many values waiting as can be. */
    char *at = text;
    for (int i = 0; i < 99; i++)
        at += sprintf(at, "1+2*(");
    at += sprintf(at, "1+2*a");
    memset(at, ')', 99);
    at[99] = '\0';
    assert_true(fabs(value_of(text) - (ldexp(1, 100) - 1 + ldexp(3, 100))) < ldexp(1, 60));
    /* Signs nest without end. */
    memset(text, '-', sizeof text - 2);
    text[sizeof text - 2] = 'a';
    assert_true(value_of(text) == (sizeof text % 2 ? -3 : 3));
}

static void test_uses(void **state)
{
    (void)state;
    tw_expression *e = tw_expression_parse("rouge_L * 2 + a", names, NAMES);
    assert_non_null(e);
    assert_true(tw_expression_uses(e, 0));
    assert_false(tw_expression_uses(e, 1));
    assert_true(tw_expression_uses(e, 2));
    tw_expression_free(e);
    tw_expression_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_uses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
