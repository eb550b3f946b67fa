#ifndef TW_TEXT_PROMPT_H
#define TW_TEXT_PROMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/tokenizer.h"

/* Prompts as token ids, by one rule for every program: what is learned on and what is
 * sampled from must be cut in the same place. */

typedef struct tw_prompt_rules {
    const tw_tokenizer *tokenizer;
    const char *prefix; /* text before every prompt; NULL: none */
    int32_t start;      /* a prompt of no token otherwise is this (BOS, else EOS); -1: it fails */
    bool strict;        /* a prompt beyond the limit fails instead of losing its end */
    bool closed;        /* ends in `eos` (>= 0), as an encoder's input does: its last token */
    int32_t eos;
} tw_prompt_rules;

/* Encodes prefix and text (apart from any completion), behind what the tokenizer's files put
 * before a text (tw_tokenizer_before), and keeps the first `limit` (>= 1) tokens. Returns 1 when
 * some were cut, 0 when not, -1 on failure. ids->ids is the caller's to free(). */
int tw_prompt_encode(const tw_prompt_rules *rules, const char *text, size_t limit, tw_ids *ids);

#endif
