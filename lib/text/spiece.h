#ifndef TW_TEXT_SPIECE_H
#define TW_TEXT_SPIECE_H

#include <stddef.h>
#include <stdint.h>

#include "text/post-processor.h"
#include "text/sentencepiece.h"
#include "text/tokenizer-files.h"
#include "text/tokenizer.h"

/* A SentencePiece model with the tokens that transformers' classes add to it (T5Tokenizer,
 * LlamaTokenizer, GemmaTokenizer, BertGenerationTokenizer), as tokenizer_config.json,
 * special_tokens_map.json and added_tokens.json say; without the first the model is all. */
typedef struct tw_spiece tw_spiece;

/* From files of kind TW_SENTENCEPIECE, which must live as long; fills the special tokens, and what
 * goes around a text (tw_affixes_clear in any case). NULL with a message that names file and field.
 */
tw_spiece *tw_spiece_load(const tw_tokenizer_files *files, tw_sentencepiece_ids *special,
                          tw_affixes *affixes);
void tw_spiece_free(tw_spiece *tokenizer); /* accepts NULL */

/* As tw_tokenizer_encode. */
int tw_spiece_encode(const tw_spiece *tokenizer, const char *text, size_t length, tw_ids *ids);

/* ids below special->size. Special tokens are left out. The caller frees; *length without the
 * final NUL. NULL on failure. */
char *tw_spiece_decode(const tw_spiece *tokenizer, const int32_t *ids, size_t count,
                       size_t *length);

/* Borrowed; "" for an id between the others that no piece has. id below special->size. */
const char *tw_spiece_piece(const tw_spiece *tokenizer, int32_t id);

/* -1 if there is no such piece. */
int32_t tw_spiece_find(const tw_spiece *tokenizer, const char *piece);

#endif
