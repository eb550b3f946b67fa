#ifndef TW_MODEL_PROMPT_H
#define TW_MODEL_PROMPT_H

#include <stddef.h>
#include <stdint.h>

#include "model/model.h"

/* Prompts in a batch. In a decoder they are a segment whose tokens are read as those of a
 * completion are. In an encoder-decoder the encoder reads them (closed by EOS, see
 * text/prompt.h), and completions follow a segment of one token, decoder_start_token_id, whose
 * `source` that is. Either way completions are children of the segment that is returned, the
 * first token of each is predicted by that segment's last row, and what the prompt costs is
 * paid once for all of them. */

/* Appends a prompt (length >= 1); returns its segment. */
size_t tw_model_add_prompt(const tw_model *model, tw_batch *batch, const int32_t *ids,
                           size_t length);

/* The same with a cache, into a slot opened for tw_model_prompt_rows tokens. */
void tw_model_open_prompt(const tw_model *model, tw_batch *batch, const int32_t *ids, size_t length,
                          size_t slot);

/* Tokens of that segment for a prompt of `length`. */
size_t tw_model_prompt_rows(const tw_model *model, size_t length);

/* Those tokens themselves: ids, or the start token. */
const int32_t *tw_model_prompt_ids(const tw_model *model, const int32_t *ids);

/* How many tokens of a prompt a program keeps: `asked` (0: as many as there is room for), but
 * in a decoder no more than new_tokens leave of the context. */
size_t tw_model_prompt_limit(const tw_model *model, size_t new_tokens, size_t asked);

#endif
