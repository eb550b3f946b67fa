#ifndef TW_TEXT_UNIGRAM_H
#define TW_TEXT_UNIGRAM_H

#include <jansson.h>
#include <stddef.h>

#include "text/list.h"
#include "text/vocabulary.h"

/* The model "Unigram" of a tokenizer.json: a word to the pieces whose scores (natural log of
 * their probability) add up to most. Source: Kudo 2018, in the choices of `tokenizers`. */
typedef struct tw_unigram tw_unigram;

/* From "model"; fills `vocabulary`. NULL with a message that names the field. */
tw_unigram *tw_unigram_new(const json_t *model, tw_vocabulary *vocabulary);
void tw_unigram_free(tw_unigram *unigram); /* accepts NULL */

/* Appends the ids of a word; any bytes. -1 when it is too long, or has a character that no
 * piece spells while unk_id is null. Time: length times that of the longest piece.
 * Thread-safe. */
int tw_unigram_encode(const tw_unigram *unigram, const char *word, size_t length, tw_id_list *to);

#endif
