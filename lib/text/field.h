#ifndef TW_TEXT_FIELD_H
#define TW_TEXT_FIELD_H

#include <jansson.h>
#include <stdbool.h>

/* Fields of tokenizer files that may be missing or null. -1 with a message that names the
 * field when it is of another type. */
int tw_field_bool(const json_t *object, const char *name, bool otherwise, bool *value);
/* Borrowed. */
int tw_field_text(const json_t *object, const char *name, const char *otherwise,
                  const char **value);

/* "type" of a part of a tokenizer.json, "" if there is none. Borrowed. */
const char *tw_field_type(const json_t *part);
bool tw_field_is(const json_t *part, const char *type);

#endif
