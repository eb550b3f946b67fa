#ifndef TW_STREAM_ORIGIN_H
#define TW_STREAM_ORIGIN_H

#include <jansson.h>
#include <stddef.h>

/* A record as it was read, so that what no program changes is written as it came: a
 * number's digits, a string's escapes, blanks. Part of record.h.
 *
 * Programs change a record by setting and deleting members of its object and of the
 * objects in `samples`. Every other value is looked at only: a change inside of it is
 * not noticed. */
typedef struct tw_origin tw_origin;

/* Copies text[length], the JSON object that json was read from, but for blanks around it. Holds
 * references to the members of json and of the objects in samples (an array in it, or NULL). */
tw_origin *tw_origin_new(const char *text, size_t length, const json_t *json, json_t *samples);
void tw_origin_free(tw_origin *origin); /* accepts NULL */

/* The text with the members that json (the same object, changed since) has anew or
 * otherwise in their places, those that it lacks gone, and new ones at the end. NULL when
 * a new value cannot be written. The caller frees. */
char *tw_origin_text(const tw_origin *origin, const json_t *json, size_t *length);

/* The text of the member `key` in an object's text, and its length; NULL if there is none. */
const char *tw_origin_find(const char *text, const char *key, size_t *length);

#endif
