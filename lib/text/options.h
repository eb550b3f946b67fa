#ifndef TW_TEXT_OPTIONS_H
#define TW_TEXT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/option.h"

/* Options of how records' text becomes tokens, shared by all programs with a model; what is
 * sampled from, learned on and measured must be given the same. See core/common.h. */

typedef struct tw_text_options {
    const char *prefix, *suffix;                 /* around every prompt; NULL: none */
    const char *prompt_field, *completion_field; /* NULL: "prompt", "completion" */
    int64_t max_prompt_tokens;                   /* 0: what the context leaves */
    int64_t max_completion_tokens;               /* likewise */
    int truncate;                                /* tw_truncate of what is too long */
    bool strict;                                 /* what is too long fails instead of being cut */
    bool retokenize;                             /* samples by their text, not their tokens */
} tw_text_options;

/* clang-format off */
#define TW_OPTIONS_AFFIXES(text)                                                                   \
    {"prefix", 0, TW_TEXT, &(text).prefix, "TEXT",                                                 \
     "text put before every prompt, the same in all programs", 0, 0, NULL, 0},                     \
    {"suffix", 0, TW_TEXT, &(text).suffix, "TEXT",                                                 \
     "text put after every prompt, which stays when the prompt is cut", 0, 0, NULL, 0}
#define TW_OPTION_PROMPT_FIELD(text)                                                               \
    {"prompt-field", 0, TW_TEXT, &(text).prompt_field, "NAME",                                     \
     "field that holds the prompt", 0, 0, NULL, 0}
#define TW_OPTION_COMPLETION_FIELD(text)                                                           \
    {"completion-field", 0, TW_TEXT, &(text).completion_field, "NAME",                             \
     "field that holds the reference completion", 0, 0, NULL, 0}
#define TW_OPTIONS_PROMPT_LIMIT(text)                                                              \
    {"max-prompt-tokens", 0, TW_INT, &(text).max_prompt_tokens, "N",                               \
     "cut prompts to N tokens, 0 for what the context leaves (T5: n_positions)", 0, 1e9, NULL, 0}, \
    {"truncate", 0, TW_CHOICE, &(text).truncate, NULL,                                             \
     "side of a prompt's text that is cut when it is too long; prefix and suffix stay", 0, 0,      \
     "right|left|middle", 0}
#define TW_OPTION_MAX_COMPLETION_TOKENS(text)                                                      \
    {"max-completion-tokens", 0, TW_INT, &(text).max_completion_tokens, "N",                       \
     "cut what follows a prompt to N tokens, 0 for what the context leaves (T5: n_positions)", 0,  \
     1e9, NULL, 0}
#define TW_OPTION_STRICT(text)                                                                     \
    {"strict", 0, TW_FLAG, &(text).strict, NULL,                                                   \
     "text that is too long is an error, not cut", 0, 0, NULL, 0}
#define TW_OPTION_RETOKENIZE(text)                                                                 \
    {"retokenize", 0, TW_FLAG, &(text).retokenize, NULL,                                           \
     "go by the samples' text, not by their tokens (of another tokenizer, or edited)", 0, 0, NULL, \
     0}
/* clang-format on */

#endif
