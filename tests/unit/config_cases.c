#include "config_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <string.h>

#include "core/error.h"

int configure(const char *type, const char *text, tw_config *config)
{
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    const tw_architecture *architecture = tw_architecture_find(type);
    assert_non_null(architecture);
    int status = architecture->configure(json, config);
    json_decref(json);
    return status;
}

void check_refused(const char *type, const config_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        tw_config config;
        if (configure(type, cases[i].text, &config) == 0)
            fail_msg("%s: %s should fail with '%s'", type, cases[i].text, cases[i].message);
        if (strncmp(tw_error(), cases[i].message, strlen(cases[i].message)) != 0)
            fail_msg("'%s' should begin with '%s'", tw_error(), cases[i].message);
    }
}
