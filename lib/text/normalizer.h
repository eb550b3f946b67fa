#ifndef TW_TEXT_NORMALIZER_H
#define TW_TEXT_NORMALIZER_H

#include <jansson.h>
#include <stddef.h>

#include "text/list.h"

/* "normalizer" of a tokenizer.json: what is done to a text before it is split. Known: NFC,
 * NFD, NFKC, NFKD, Lowercase, StripAccents, Nmt, Precompiled, Strip, Prepend, Replace, and
 * Sequence of these. */
typedef struct tw_normalizer tw_normalizer;

/* From the field's value, null or absent (NULL) too. NULL with a message that names the
 * field below it. */
tw_normalizer *tw_normalizer_new(const json_t *json);
void tw_normalizer_free(tw_normalizer *normalizer); /* accepts NULL */

typedef struct tw_normalized {
    const char *text; /* what was given, or in `made` */
    size_t length;
    size_t lead;   /* bytes at the front that stem from the first character (text/lead.h) */
    tw_bytes made; /* data is the caller's to free(), also after a failure */
} tw_normalized;

/* Normalizes text[length]. Bytes that are not UTF-8 stay. -1 when it would grow beyond all
 * measure, or a pattern takes too long. Thread-safe. */
int tw_normalize(const tw_normalizer *normalizer, const char *text, size_t length,
                 tw_normalized *normal);

#endif
