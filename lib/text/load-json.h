#ifndef TW_TEXT_LOAD_JSON_H
#define TW_TEXT_LOAD_JSON_H

#include "text/json-tokenizer.h"
#include "text/post-processor.h"
#include "text/sentencepiece.h"
#include "text/tokenizer-files.h"

/* The tokenizer in the files of kind TW_TOKENIZER_JSON or TW_VOCAB_MERGES, and its special
 * tokens: those that tokenizer_config.json names, else special_tokens_map.json, else the
 * usual ones that it has; and what it puts around a text, tw_affixes_clear in any case. NULL with a
 * message that names file and field. */
tw_json_tokenizer *tw_json_tokenizer_load(const tw_tokenizer_files *files,
                                          tw_sentencepiece_ids *special, tw_affixes *affixes);

#endif
