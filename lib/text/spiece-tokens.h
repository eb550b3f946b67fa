#ifndef TW_TEXT_SPIECE_TOKENS_H
#define TW_TEXT_SPIECE_TOKENS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "text/token-roles.h"
#include "text/vocabulary.h"

/* What a folder's files say of a SentencePiece model. */
typedef struct tw_spiece_files {
    const json_t *config, *map, *added; /* each may be NULL */
} tw_spiece_files;

typedef enum tw_spiece_class {
    TW_SPIECE_PLAIN, /* BertGeneration, or none */
    TW_SPIECE_T5,
    TW_SPIECE_LLAMA,
    TW_SPIECE_GEMMA
} tw_spiece_class;

/* -1 with a message for a class whose ids are not the model's. */
int tw_spiece_class_of(const json_t *config, tw_spiece_class *class);

/* The tokens that transformers looks for in a text and adds to the vocabulary, the model's
 * pieces so far, as the list that tw_added_tokens_read takes. NULL with a message. */
json_t *tw_spiece_tokens(const tw_spiece_files *files, tw_spiece_class class,
                         const tw_vocabulary *vocabulary);

#endif
