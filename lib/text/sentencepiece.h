#ifndef TW_TEXT_SENTENCEPIECE_H
#define TW_TEXT_SENTENCEPIECE_H

#include <stddef.h>
#include <stdint.h>

#include "text/tokenizer.h"

/* libsentencepiece for C: what tokenizer.c needs of it, no C++ exception or
 * status beyond. Calls on a loaded model are thread-safe. */

typedef struct tw_sentencepiece tw_sentencepiece;

typedef struct tw_sentencepiece_ids {
    int32_t size, unknown, bos, eos, pad; /* -1: none */
} tw_sentencepiece_ids;

/* From the bytes of a model file. NULL on failure. */
tw_sentencepiece *tw_sentencepiece_load(const char *bytes, size_t size);
void tw_sentencepiece_free(tw_sentencepiece *model); /* accepts NULL */
void tw_sentencepiece_special(const tw_sentencepiece *model, tw_sentencepiece_ids *ids);

/* As tw_tokenizer_encode; text of at most INT32_MAX bytes. */
int tw_sentencepiece_encode(const tw_sentencepiece *model, const char *text, size_t length,
                            tw_ids *ids);

/* ids within the vocabulary. The caller frees; *length without the final NUL. NULL on failure. */
char *tw_sentencepiece_decode(const tw_sentencepiece *model, const int32_t *ids, size_t count,
                              size_t *length);

/* -1 if there is no such piece. */
int32_t tw_sentencepiece_find(const tw_sentencepiece *model, const char *piece);

/* Borrowed; id within the vocabulary. */
const char *tw_sentencepiece_piece(const tw_sentencepiece *model, int32_t id);

#endif
