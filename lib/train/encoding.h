#ifndef TW_TRAIN_ENCODING_H
#define TW_TRAIN_ENCODING_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/model.h"
#include "text/options.h"
#include "text/prompt.h"
#include "text/tokenizer.h"

/* Records as token ids, by one rule: what a model is measured on is cut and closed as what
 * it learned on. */

typedef struct tw_encoding {
    const tw_tokenizer *tokenizer;
    int32_t start, eos;           /* ids, -1: none; see text/prompt.h for start */
    tw_stops stops;               /* a completion that ends in one of them is closed already */
    size_t vocabulary;            /* ids of `tokens` fields must be below */
    size_t context;               /* prompt and completion together, tokens */
    bool apart;                   /* of an encoder-decoder: each by itself, and the two limits
                                     below may exceed it; prompts are closed by EOS */
    size_t max_prompt_tokens;     /* 0: what the completion leaves of the context */
    size_t max_completion_tokens; /* kept free behind every prompt; 0: as each record needs */
    const char *prefix, *suffix;  /* text around every prompt; NULL: none */
    tw_truncate truncate;         /* where a prompt that is too long is cut */
    bool strict;                  /* what is too long fails instead of being truncated */
    bool retokenize;              /* samples: ignore `tokens`, encode `text` */
} tw_encoding;

/* As a model's folder and the options (NULL: their defaults) say it. */
tw_encoding tw_encoding_of(const tw_model *model, const tw_text_options *text);

/* Fails when a context has no room for a prompt and a token behind it. */
int tw_encoding_check(const tw_encoding *encoding);

typedef struct tw_encoded {
    uint64_t prompts_cut, completions_cut;
    uint64_t compared, differed; /* samples whose tokens were decoded; not to their text */
} tw_encoded;

/* The following add to *encoded; ids->ids is the caller's to free(), NULL after a failure,
 * whose message begins with the field within what is encoded. */

/* A completion: text, then EOS unless it ends in one of `stops` itself, cut to fit, which takes EOS
 * away first. Returns 1 if it was cut, 0 if not, -1. */
int tw_encode_completion(const tw_encoding *encoding, const char *text, tw_encoded *encoded,
                         tw_ids *ids);

/* A sample: its `tokens` as they are, else its `text`, closed so unless `finish` is "length"; cut
 * to fit. At least one id. Returns as above. */
int tw_encode_sample(const tw_encoding *encoding, const json_t *sample, tw_encoded *encoded,
                     tw_ids *ids);

/* A prompt that completions of up to `longest` tokens follow. At least one id. */
int tw_encode_prompt(const tw_encoding *encoding, const char *prompt, size_t longest,
                     tw_encoded *encoded, tw_ids *ids);

/* Fails when most samples' `tokens` did not decode to their `text`: they are of another
 * vocabulary. */
int tw_encoded_check(const tw_encoded *encoded);

#endif
