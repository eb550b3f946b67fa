#ifndef TW_STREAM_JSON_H
#define TW_STREAM_JSON_H

#include <jansson.h>
#include <stddef.h>

/* JSON text that grows; start from {0} and free(bytes). */
typedef struct tw_json_buffer {
    char *bytes;
    size_t used, capacity;
} tw_json_buffer;

void tw_json_put_bytes(tw_json_buffer *to, const char *bytes, size_t count);
void tw_json_put_string(tw_json_buffer *to, const char *string, size_t length);
/* As tw_json_text: 0, or -1. */
int tw_json_put(tw_json_buffer *to, const json_t *json);

/* JSON text of a value: compact, one line, keys in their order, UTF-8 as it is,
 * reals in the fewest digits that read back as the same double (jansson prints
 * 17 digits, so 0.1 would come back as 0.10000000000000001). NULL on failure
 * (nested deeper than jansson reads). The caller frees; length may be NULL. */
char *tw_json_text(const json_t *json, size_t *length);

/* "an object", "a string", "null" ...; NULL is "nothing". */
const char *tw_json_kind(const json_t *json);

#endif
