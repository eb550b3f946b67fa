#ifndef TW_METRIC_FILLED_H
#define TW_METRIC_FILLED_H

#include <stdbool.h>

#include "metric/template.h"
#include "model/model.h"

/* Filled templates as a language model reads them. */

typedef struct tw_filled {
    tw_ids ids;    /* ids.ids is the caller's to free() */
    size_t answer; /* index of the token at which the model answers: the mask of a masked LM,
                      the last one for a causal LM */
} tw_filled;

/* -1, with a message, when the template does not suit the model. */
int tw_filled_check(const tw_model *model, const tw_template *template);

/* The beginning of a text as a causal LM reads it: what the tokenizer's files put before it, and
 * its tokens; of none, the token that prompts begin with. ids->ids is the caller's to free(). */
int tw_filled_begin(const tw_model *model, const char *text, tw_ids *ids);

/* Tokenizes a filled template as one text. One that exceeds the model's context fails when
 * strict; else filling->length goes down to a beginning of its text that fits where one
 * character more does not. Returns 1 when it was cut so, 0 when not, -1 on failure (and then no
 * ids). */
int tw_filled_encode(const tw_model *model, const tw_template *template, tw_filling *filling,
                     bool strict, tw_filled *filled);

#endif
