#ifndef TW_TESTS_RECORDED_H
#define TW_TESTS_RECORDED_H

#include <jansson.h>
#include <stddef.h>

/* Comparison with values that an oracle recorded as JSON. Failures end the test
 * and name `what`. */

/* A field that must be there. */
const json_t *field(const json_t *json, const char *key);
double number_at(const json_t *list, size_t i);

/* |found - expected| <= tolerance * size. */
void check_close(double expected, double found, double size, double tolerance, const char *what);

/* Against a list of numbers; size is their root mean square. */
void check_list(const json_t *list, const float *found, size_t count, double tolerance,
                const char *what);

/* Against {"norm", "at", "values"}: the norm of all, and the values at some places. */
void check_some(const json_t *some, const float *found, size_t count, double tolerance,
                const char *what);

#endif
