#ifndef TW_TEXT_PRE_TOKENIZER_H
#define TW_TEXT_PRE_TOKENIZER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* "pre_tokenizer" of a tokenizer.json: a text to words. Known: ByteLevel, Split, Digits,
 * WhitespaceSplit, Metaspace and Sequence of these. Bytes are not spelled in GPT-2's
 * alphabet here: words are the text's own bytes. */
typedef struct tw_pre_tokenizer tw_pre_tokenizer;

/* From the field's value, null or absent (NULL) too. NULL with a message that names the
 * field below it. */
tw_pre_tokenizer *tw_pre_tokenizer_new(const json_t *json);
void tw_pre_tokenizer_free(tw_pre_tokenizer *pre_tokenizer); /* accepts NULL */

/* Whether words go to a model whose pieces spell bytes. */
bool tw_pre_tokenizer_byte_level(const tw_pre_tokenizer *pre_tokenizer);

/* Returns < 0 to stop. */
typedef int tw_word(void *context, const char *word, size_t length);

/* The words of text[length], any bytes, in order. lead: how many of its bytes stem from the first
 * character of all text, 0 when this is not its beginning; a word that begins among them is the
 * first. Thread-safe. */
int tw_pre_tokenize(const tw_pre_tokenizer *pre_tokenizer, const char *text, size_t length,
                    size_t lead, tw_word *word, void *context);

#endif
