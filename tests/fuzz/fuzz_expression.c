/* Any text as an expression: refused with a message, or it has a value, and the
 * same one with blanks around it. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "metric/expression.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"meteor", "rouge1", "length", "s"};
    static const double values[] = {12.5, -3, 0, 1e300};
    char *text = tw_alloc(size + 1, 1), *wider = tw_alloc(size + 3, 1);
    memcpy(text, data, size);
    tw_expression *expression = tw_expression_parse(text, names, 4);
    if (!expression) {
        check(*tw_error() != '\0', "refused without a message");
    } else {
        const double value = tw_expression_value(expression, values);
        snprintf(wider, size + 3, " %s ", text);
        tw_expression *same = tw_expression_parse(wider, names, 4);
        check(same != NULL, "refused with blanks around it");
        const double again = tw_expression_value(same, values);
        check(again == value || (isnan(again) && isnan(value)), "another value");
        tw_expression_free(same);
    }
    tw_expression_free(expression);
    free(text);
    free(wider);
    return 0;
}
