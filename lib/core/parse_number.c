#include "core/number.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

int tw_parse_int(const char *text, int64_t *value)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (!*text || text[strspn(text, "+-0123456789")] || end == text || *end)
        return tw_fail("'%.100s' is not an integer", text);
    if (errno == ERANGE)
        return tw_fail("'%.100s' is too large an integer", text);
    *value = number;
    return 0;
}

int tw_parse_real(const char *text, double *value)
{
    char *end = NULL;
    double number = strtod(text, &end);
    if (!*text || text[strspn(text, "+-.eE0123456789")] || end == text || *end)
        return tw_fail("'%.100s' is not a number", text);
    if (!isfinite(number))
        return tw_fail("'%.100s' is too large a number", text);
    *value = number;
    return 0;
}
