#include "recorded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <math.h>

const json_t *field(const json_t *json, const char *key)
{
    const json_t *value = json_object_get(json, key);
    if (!value)
        fail_msg("nothing recorded as %s", key);
    return value;
}

double number_at(const json_t *list, size_t i)
{
    return json_number_value(json_array_get(list, i));
}

void check_close(double expected, double found, double size, double tolerance, const char *what)
{
    if (!(fabs(found - expected) <= tolerance * size))
        fail_msg("%s: %.9g, expected %.9g", what, found, expected);
}

void check_list(const json_t *list, const float *found, size_t count, double tolerance,
                const char *what)
{
    assert_int_equal(json_array_size(list), count);
    double square = 0;
    for (size_t i = 0; i < count; i++)
        square += number_at(list, i) * number_at(list, i);
    double size = sqrt(square / (double)count);
    for (size_t i = 0; i < count; i++)
        check_close(number_at(list, i), found[i], size, tolerance, what);
}

void check_some(const json_t *some, const float *found, size_t count, double tolerance,
                const char *what)
{
    double norm = json_number_value(field(some, "norm")), square = 0;
    for (size_t i = 0; i < count; i++)
        square += (double)found[i] * found[i];
    check_close(norm, sqrt(square), norm, tolerance, what);
    const json_t *at = field(some, "at"), *values = field(some, "values");
    for (size_t i = 0; i < json_array_size(at); i++) {
        size_t place = (size_t)json_integer_value(json_array_get(at, i));
        assert_true(place < count);
        check_close(number_at(values, i), found[place], norm / sqrt((double)count), tolerance,
                    what);
    }
}
