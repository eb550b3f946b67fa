#include "text/field.h"

#include <string.h>

#include "core/error.h"

int tw_field_bool(const json_t *object, const char *name, bool otherwise, bool *value)
{
    const json_t *field = json_object_get(object, name);
    *value = field && !json_is_null(field) ? json_is_true(field) : otherwise;
    if (!field || json_is_null(field) || json_is_boolean(field))
        return 0;
    return tw_fail("%s: expected true or false", name);
}

int tw_field_text(const json_t *object, const char *name, const char *otherwise, const char **value)
{
    const json_t *field = json_object_get(object, name);
    *value = json_is_string(field) ? json_string_value(field) : otherwise;
    if (!field || json_is_null(field) || json_is_string(field))
        return 0;
    return tw_fail("%s: expected text", name);
}

const char *tw_field_type(const json_t *part)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    return type ? type : "";
}

bool tw_field_is(const json_t *part, const char *type)
{
    return strcmp(tw_field_type(part), type) == 0;
}
