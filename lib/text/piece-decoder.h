#ifndef TW_TEXT_PIECE_DECODER_H
#define TW_TEXT_PIECE_DECODER_H

#include <jansson.h>
#include <stddef.h>

#include "text/list.h"

/* "decoder" of a tokenizer.json: pieces to a text. Known: ByteLevel, Metaspace, Replace (of a
 * String), ByteFallback, Fuse, Strip, and Sequence of these; with none, pieces stand between
 * blanks. */
typedef struct tw_piece_decoder tw_piece_decoder;

/* From the field's value, null or absent (NULL) too. NULL with a message that names the
 * field below it. */
tw_piece_decoder *tw_piece_decoder_new(const json_t *json);
void tw_piece_decoder_free(tw_piece_decoder *decoder); /* accepts NULL */

/* Appends the text of pieces[count] to *to: UTF-8 if the pieces are, U+FFFD for bytes that
 * are not text. Thread-safe. */
void tw_piece_decode(const tw_piece_decoder *decoder, const char *const *pieces, size_t count,
                     tw_bytes *to);

#endif
