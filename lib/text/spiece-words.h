#ifndef TW_TEXT_SPIECE_WORDS_H
#define TW_TEXT_SPIECE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "text/list.h"
#include "text/sentencepiece.h"

/* SentencePiece's BPE without its library, several times as quick, for models that leave texts
 * as they are and whose pieces do not go across the beginning of a word: Llama 2's and their
 * like. Words come one by one, and those met before are not taken apart again. */
typedef struct tw_spiece_words tw_spiece_words;

/* model: of the file bytes[size], read with a blank before each text or not (prefix). NULL, and
 * no message, when it is not such a model. */
tw_spiece_words *tw_spiece_words_new(const tw_sentencepiece *model, const char *bytes, size_t size,
                                     bool prefix);
void tw_spiece_words_free(tw_spiece_words *words); /* accepts NULL */

/* Appends the ids that the library gives text[length]. Thread-safe. */
int tw_spiece_words_encode(const tw_spiece_words *words, const char *text, size_t length,
                           tw_id_list *to);

#endif
