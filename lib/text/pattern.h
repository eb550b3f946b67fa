#ifndef TW_TEXT_PATTERN_H
#define TW_TEXT_PATTERN_H

#include <jansson.h>
#include <stddef.h>

/* Regular expressions of tokenizer.json, which are Oniguruma's. Those that PCRE2 is known to read
 * alike (pattern-dialect.h) are matched by its compiler, the others by Oniguruma itself. */
typedef struct tw_pattern tw_pattern;

/* NULL with a message. */
tw_pattern *tw_pattern_new(const char *expression);
/* The text itself. */
tw_pattern *tw_pattern_literal(const char *text);
/* "pattern" of a part of a tokenizer.json: {"Regex": "..."} or {"String": "..."}. NULL with a
 * message. */
tw_pattern *tw_pattern_read(const json_t *json);
void tw_pattern_free(tw_pattern *pattern); /* accepts NULL */

/* Part of a text: a match, or what lies between two. Returns < 0 to stop. */
typedef int tw_part(void *context, const char *part, size_t length, int matched);

/* Calls `part` for all of text[length], which may be any bytes, in order. What lies between matches
 * is left out when it is empty; a match may be empty. Bytes that are not UTF-8 match nothing. -1
 * when a call did, or when matching takes too long. Thread-safe; time linear in length for the
 * known patterns. */
int tw_pattern_split(const tw_pattern *pattern, const char *text, size_t length, tw_part *part,
                     void *context);

#endif
