#ifndef TW_TEXT_TOKEN_ROLES_H
#define TW_TEXT_TOKEN_ROLES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "text/post-processor.h"
#include "text/sentencepiece.h"

/* What tokenizer_config.json and special_tokens_map.json say of a vocabulary's special
 * tokens. Each of the two may be NULL. As with transformers the second goes first, but where the
 * first has an added_tokens_decoder the second is not looked at. */

enum { TW_BOS, TW_EOS, TW_UNKNOWN, TW_PAD, TW_CLS, TW_SEP, TW_MASK, TW_ROLES };
extern const char *const tw_role_names[TW_ROLES]; /* "bos_token" ... */

/* "..." or {"content": "..."}: the text, else NULL. Borrowed. */
const char *tw_token_content(const json_t *token);

/* Whether the files have a word on the role, and which token: borrowed, NULL if they say that
 * there is none. */
bool tw_token_role(const json_t *config, const json_t *map, int role, const json_t **token);

typedef int32_t tw_find_piece(const void *tokenizer, const char *piece); /* -1: none */

/* The ids of the roles that the files name; others stay as they are. */
void tw_token_roles_find(const json_t *config, const json_t *map, tw_find_piece *find,
                         const void *tokenizer, tw_sentencepiece_ids *ids);

/* Whether tokenizer_class begins with one of the names (a list that NULL ends). */
bool tw_token_class_is(const json_t *config, const char *const *names);

/* Classes whose add_bos_token (true unless it says false) and add_eos_token (false) count and
 * nothing else does: those of Llama's kind. */
extern const char *const tw_llama_classes[];

/* The affixes by add_bos_token and add_eos_token; bos: the first's default. -1 with a message
 * when there is no such token. */
int tw_token_affixes(const json_t *config, bool bos, const tw_sentencepiece_ids *ids,
                     tw_affixes *affixes);

#endif
