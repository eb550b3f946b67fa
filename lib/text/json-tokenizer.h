#ifndef TW_TEXT_JSON_TOKENIZER_H
#define TW_TEXT_JSON_TOKENIZER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/post-processor.h"
#include "text/tokenizer.h"

/* Tokenizers as a tokenizer.json describes them (the format of Hugging Face's `tokenizers`
 * 0.20): added tokens, normalizer, pre-tokenizer, model, decoder. Ids are those of its
 * encode(text, add_special_tokens=False). Thread-safe. */
typedef struct tw_json_tokenizer tw_json_tokenizer;

/* From the whole of the file, and the tokens that other files add (tw_config_tokens; NULL: none).
 * NULL with a message that names the field. */
tw_json_tokenizer *tw_json_tokenizer_new(const json_t *json, const json_t *more);
void tw_json_tokenizer_free(tw_json_tokenizer *tokenizer); /* accepts NULL */

/* From now on text that spells a special token is text (split_special_tokens of transformers). */
void tw_json_tokenizer_split_special(tw_json_tokenizer *tokenizer);

/* What its post-processor puts around a text. Borrowed. */
const tw_affixes *tw_json_tokenizer_affixes(const tw_json_tokenizer *tokenizer);

/* Whether other files brought the token in addition. */
bool tw_json_tokenizer_brought(const tw_json_tokenizer *tokenizer, int32_t id);

/* Of all those; 0: none. */
uint64_t tw_json_tokenizer_digest(const tw_json_tokenizer *tokenizer);

/* One above the largest id. */
int32_t tw_json_tokenizer_size(const tw_json_tokenizer *tokenizer);

/* As tw_tokenizer_encode; any bytes. */
int tw_json_tokenizer_encode(const tw_json_tokenizer *tokenizer, const char *text, size_t length,
                             tw_ids *ids);

/* ids within the vocabulary. Special tokens are left out. The caller frees; *length without
 * the final NUL. */
char *tw_json_tokenizer_decode(const tw_json_tokenizer *tokenizer, const int32_t *ids, size_t count,
                               size_t *length);

/* The text of one token, `<0xNN>` for bytes of it that are none; "" for an id between the
 * others that no piece has. Borrowed; id within the vocabulary. */
const char *tw_json_tokenizer_piece(const tw_json_tokenizer *tokenizer, int32_t id);

/* The bytes that one token stands for, NULL if it stands for none (an added token that
 * does not spell bytes). Borrowed; id within the vocabulary. */
const char *tw_json_tokenizer_bytes(const tw_json_tokenizer *tokenizer, int32_t id, size_t *count);

/* The id of a piece as the file spells it, -1 if there is none. */
int32_t tw_json_tokenizer_find(const tw_json_tokenizer *tokenizer, const char *piece);

#endif
