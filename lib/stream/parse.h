#ifndef TW_STREAM_PARSE_H
#define TW_STREAM_PARSE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* The JSON value that is the whole of text (a NUL follows its length bytes), as
 * jansson's own with JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, but for
 * numbers that jansson refuses: an integer beyond 64 bits becomes the nearest real, and a
 * number beyond any double a null that tw_json_is_beyond knows. NULL with error filled
 * as jansson does. The caller calls json_decref. */
json_t *tw_json_parse(const char *text, size_t length, json_error_t *error);

bool tw_json_is_beyond(const json_t *json);

#endif
