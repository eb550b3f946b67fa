#ifndef TW_TEXT_PRECOMPILED_H
#define TW_TEXT_PRECOMPILED_H

#include <stddef.h>

#include "text/list.h"

/* The normalizer "Precompiled" of a tokenizer.json: SentencePiece's table of replacements, as
 * `tokenizers` applies it: to whole grapheme clusters of up to 5 bytes whose beginning the
 * table has, else to each character. */
typedef struct tw_precompiled tw_precompiled;

/* From precompiled_charsmap, base64. NULL with a message that names the field. */
tw_precompiled *tw_precompiled_new(const char *base64);
void tw_precompiled_free(tw_precompiled *table); /* accepts NULL */

/* Appends text[length], which must be UTF-8, with its replacements. Returns the lead of what it
 * appends (text/lead.h), where that of the text is text[lead]. Thread-safe. */
size_t tw_precompiled_put(const tw_precompiled *table, const char *text, size_t length, size_t lead,
                          tw_bytes *to);

#endif
