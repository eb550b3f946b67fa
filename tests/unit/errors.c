#include "errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <string.h>

#include "core/error.h"

void expect_error(const char *message)
{
    if (!strstr(tw_error(), message))
        fail_msg("'%s' should contain '%s'", tw_error(), message);
}
