#ifndef TW_TEXT_CONFIG_TOKENS_H
#define TW_TEXT_CONFIG_TOKENS_H

#include <jansson.h>

/* Tokens that the files beside a tokenizer.json name: tokenizer_config.json
 * (added_tokens_decoder, the roles bos_token ..., additional_special_tokens), and where that has
 * no added_tokens_decoder special_tokens_map.json, whose word on a role goes first then, and
 * added_tokens.json; as PreTrainedTokenizerFast of transformers 4.46 takes them. */

/* A list of them in the order in which they are added, for tw_added_tokens_extend, each
 * {"content", "single_word", "lstrip", "rstrip", "normalized", "special", "where", "id"}: where
 * says what file and field names it, id is there if the file tells it. config, map and added
 * may be NULL. The caller releases. NULL with a message that names file and field. */
json_t *tw_config_tokens(const json_t *tokenizer, const json_t *config, const json_t *map,
                         const json_t *added);

#endif
