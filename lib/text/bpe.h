#ifndef TW_TEXT_BPE_H
#define TW_TEXT_BPE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "text/list.h"
#include "text/merges.h"
#include "text/vocabulary.h"

/* The model "BPE" of a tokenizer.json: words to ids. */

typedef struct tw_bpe {
    const tw_vocabulary *vocabulary;
    tw_merges merges;
    bool byte_level;    /* its pieces spell bytes; else characters */
    bool whole_words;   /* ignore_merges: a word that is a piece is not taken apart */
    bool fuse_unknown;  /* unknown characters side by side are one */
    int32_t unknown;    /* -1: they are dropped */
    int32_t bytes[256]; /* byte_level: of a byte; else its <0xNN> with byte_fallback, or -1 */
    bool byte_fallback;
} tw_bpe;

/* From "model"; fills `vocabulary`, which must live as long. NULL with a message that names
 * the field; what is not supported (dropout, affixes of subwords) is refused. */
tw_bpe *tw_bpe_new(const json_t *model, bool byte_level, tw_vocabulary *vocabulary);
void tw_bpe_free(tw_bpe *bpe); /* accepts NULL */

/* Appends the ids of a word; any bytes. -1 when it is too long. Thread-safe. */
int tw_bpe_encode(const tw_bpe *bpe, const char *word, size_t length, tw_id_list *to);

#endif
