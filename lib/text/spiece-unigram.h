#ifndef TW_TEXT_SPIECE_UNIGRAM_H
#define TW_TEXT_SPIECE_UNIGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include "text/list.h"
#include "text/sentencepiece.h"

/* SentencePiece's Unigram without its library, at several times the speed: T5's models and
 * their like. Sums of scores are rounded as in sentencepiece
 * 0.2, so that ties break alike. */
typedef struct tw_spiece_unigram tw_spiece_unigram;

/* model: of the file bytes[size], which tw_charsmap_check passed and which must live as long, read
 * with a blank before each text (prefix: as the file says) or not. NULL, and no message, when it
 * is not such a model (BPE, symbols of the user's own, blanks that end words). */
tw_spiece_unigram *tw_spiece_unigram_new(const tw_sentencepiece *model, const char *bytes,
                                         size_t size, bool prefix);
void tw_spiece_unigram_free(tw_spiece_unigram *unigram); /* accepts NULL */

/* Appends the ids that the library gives text[length]. Thread-safe. */
int tw_spiece_unigram_encode(const tw_spiece_unigram *unigram, const char *text, size_t length,
                             tw_id_list *to);

#endif
