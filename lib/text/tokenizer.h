#ifndef TW_TEXT_TOKENIZER_H
#define TW_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Tokenizers: SentencePiece models (`spiece.model`, `tokenizer.model`), `tokenizer.json`, and
 * `vocab.json` with `merges.txt`. Ids fit int32_t; text is UTF-8.
 *
 * Text that spells a special token is that token, as in transformers, unless
 * tokenizer_config.json says split_special_tokens; to a SentencePiece model without a
 * tokenizer_config.json it is text. */

typedef struct tw_tokenizer tw_tokenizer;

typedef struct tw_ids {
    int32_t *ids;
    size_t count;
} tw_ids;

/* path: a tokenizer file or a model folder holding one, in which tokenizer.json goes
 * first, as with transformers, then SentencePiece models; of the JSON files each stands for its
 * folder, since special tokens are named beside them (tokenizer_config.json,
 * special_tokens_map.json); a SentencePiece model by its own name stands for itself. NULL on
 * failure (missing, unreadable, not of a known type; the message lists what was looked for). */
tw_tokenizer *tw_tokenizer_open(const char *path);
void tw_tokenizer_free(tw_tokenizer *tokenizer); /* accepts NULL */

int32_t tw_tokenizer_size(const tw_tokenizer *tokenizer);
int32_t tw_tokenizer_eos(const tw_tokenizer *tokenizer); /* -1 if it has none */
int32_t tw_tokenizer_bos(const tw_tokenizer *tokenizer); /* -1 if it has none */
int32_t tw_tokenizer_pad(const tw_tokenizer *tokenizer); /* -1 if it has none */

/* The special tokens that the files put before and after a text: a post-processor's, or those
 * of tokenizer_config.json's class (Llama: <s> and nothing; RoBERTa: <s> and </s>; T5: nothing and
 * </s>); none where they say nothing. Prompts of a decoder have those before, of an encoder
 * both. Borrowed. */
const tw_ids *tw_tokenizer_before(const tw_tokenizer *tokenizer);
const tw_ids *tw_tokenizer_after(const tw_tokenizer *tokenizer);

/* Encodes text[length] without what goes before and after it. On success ids->ids is the
 * caller's to free(). Thread-safe. */
int tw_tokenizer_encode(const tw_tokenizer *tokenizer, const char *text, size_t length,
                        tw_ids *ids);

/* Decodes; control tokens (EOS, BOS, padding) yield no text. NULL on failure
 * (an id outside the vocabulary). The caller frees. */
char *tw_tokenizer_decode(const tw_tokenizer *tokenizer, const int32_t *ids, size_t count);

/* The display form of one token (its piece), borrowed; NULL outside the vocabulary. */
const char *tw_tokenizer_piece(const tw_tokenizer *tokenizer, int32_t id);

/* The id of a piece as the files spell it ("<mask>"), -1 if there is none. */
int32_t tw_tokenizer_find(const tw_tokenizer *tokenizer, const char *piece);

/* Copies the tokenizer's files into a model folder, as from_pretrained expects. */
int tw_tokenizer_save(const tw_tokenizer *tokenizer, const char *folder);

/* The same for an encoder-decoder: from a bare SentencePiece model transformers is to make a
 * T5Tokenizer, that closes texts by EOS and adds no piece. */
int tw_tokenizer_save_t5(const tw_tokenizer *tokenizer, const char *folder);

/* 64-bit digest of the tokenizer's content, to tell two vocabularies apart. */
uint64_t tw_tokenizer_digest(const tw_tokenizer *tokenizer);

#endif
