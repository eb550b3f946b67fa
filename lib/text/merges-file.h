#ifndef TW_TEXT_MERGES_FILE_H
#define TW_TEXT_MERGES_FILE_H

#include <jansson.h>
#include <stddef.h>

/* vocab.json and merges.txt, which tokenizers of GPT-2, RoBERTa and Qwen2 were kept in before
 * tokenizer.json, as the tokenizer.json that says the same.
 *
 * config: tokenizer_config.json (its tokenizer_class, add_prefix_space, added_tokens_decoder
 * and special tokens count); map: special_tokens_map.json; added: added_tokens.json; each NULL if
 * there is none.
 * NULL with a message on failure; the caller releases. */
json_t *tw_merges_file_describe(json_t *vocab, const char *merges, size_t size,
                                const json_t *config, const json_t *map, const json_t *added);

#endif
