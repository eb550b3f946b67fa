#ifndef TW_TEXT_PROMPT_H
#define TW_TEXT_PROMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/tokenizer.h"

/* Prompts as token ids, by one rule for every program: what is learned on and what is
 * sampled from must be cut in the same place. */

/* Where a prompt that is too long loses tokens of its text. */
typedef enum tw_truncate { TW_TRUNCATE_RIGHT, TW_TRUNCATE_LEFT, TW_TRUNCATE_MIDDLE } tw_truncate;

typedef struct tw_prompt_rules {
    const tw_tokenizer *tokenizer;
    const char *prefix, *suffix; /* text around every prompt; NULL: none */
    int32_t start; /* a prompt of no token otherwise is this (BOS, else EOS); -1: it fails */
    bool strict;   /* a prompt beyond the limit fails instead of losing tokens */
    bool closed;   /* ends in `eos` (>= 0), as an encoder's input does: its last token */
    int32_t eos;
    tw_truncate truncate;
} tw_prompt_rules;

/* Encodes prefix, text and suffix (apart from any completion), after what the tokenizer's files put
 * before a text (tw_tokenizer_before), and keeps `limit` (>= 1) tokens. What is cut is the text's:
 * the tokens before it, as many as the prefix has alone, stay, and so do those of the suffix and
 * the closing one. (Of a prefix that leaves no room the first tokens stay, if nothing but the
 * closing one is to follow; else that fails.) Returns 1 when some were cut, 0 when not, -1 on
 * failure. ids->ids is the caller's to free(). */
int tw_prompt_encode(const tw_prompt_rules *rules, const char *text, size_t limit, tw_ids *ids);

/* "at their end", "at their beginning", "in their middle": for messages. */
const char *tw_truncate_place(tw_truncate truncate);

#endif
