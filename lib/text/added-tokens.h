#ifndef TW_TEXT_ADDED_TOKENS_H
#define TW_TEXT_ADDED_TOKENS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/normalizer.h"
#include "text/vocabulary.h"

/* "added_tokens" of a tokenizer.json: pieces that are found in the text before it is split
 * into words; the special ones among them are no text when decoded. */

typedef struct tw_added_token {
    char *content, *normal; /* normal: what is looked for; NULL for content */
    size_t length;          /* of what is looked for */
    int32_t id;
    bool strip_left, strip_right; /* blanks beside it belong to it */
    bool single_word;             /* not where a letter or digit is beside it */
    bool normalized;              /* looked for after normalization */
    bool special;                 /* no text when decoded */
    bool plain;                   /* sought since before it was special, or it never was: */
    size_t rank;                  /* of two that look for the same it is found last, then this */
} tw_added_token;

typedef struct tw_added_tokens {
    tw_added_token *all; /* by the first byte of what is looked for, the longest first */
    size_t count;
    size_t first[257]; /* those that begin with byte b: first[b] .. first[b + 1] */
    size_t pieces;     /* of the vocabulary without them */
    bool split;        /* text that spells a special one is text */
} tw_added_tokens;

/* From the list (NULL: none). Those that the vocabulary lacks are added to it, the special
 * ones marked there. -1 with a
 * message that names the field below it. */
int tw_added_tokens_read(tw_added_tokens *added, const json_t *list,
                         const tw_normalizer *normalizer, bool byte_level,
                         tw_vocabulary *vocabulary);

/* More of them, a list as tw_config_tokens makes: those that are there get the flags told, the
 * others the ids that follow. As with `tokenizers`, who is sought before normalization and then
 * again after it is found both times, and a special token goes on being sought as it was. -1 with
 * a message that says where it was told when a token has another id than the list tells. */
int tw_added_tokens_extend(tw_added_tokens *added, const json_t *more,
                           const tw_normalizer *normalizer, bool byte_level,
                           tw_vocabulary *vocabulary);
void tw_added_tokens_clear(tw_added_tokens *added);

/* A part of a text: an added token, or (NULL) text between. Returns < 0 to stop. */
typedef int tw_added_part(void *context, const tw_added_token *token, const char *text,
                          size_t length);

/* Splits text[length] by the added tokens, `normalized` or not, leftmost and of those the
 * longest first, as `tokenizers` does. Empty parts are left out. */
int tw_added_tokens_split(const tw_added_tokens *added, bool normalized, const char *text,
                          size_t length, tw_added_part *part, void *context);

#endif
