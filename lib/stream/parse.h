#ifndef TW_STREAM_PARSE_H
#define TW_STREAM_PARSE_H

#include <jansson.h>
#include <stddef.h>

/* The JSON value that is the whole of text (a NUL follows its length bytes), as
 * jansson's own with JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL.
 * NULL with error filled as jansson does. The caller calls json_decref. */
json_t *tw_json_parse(const char *text, size_t length, json_error_t *error);

#endif
