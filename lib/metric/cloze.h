#ifndef TW_METRIC_CLOZE_H
#define TW_METRIC_CLOZE_H

#include "metric/template.h"
#include "model/model.h"

/* What a language model thinks of a few tokens where a filled template leaves its blank: at the
 * <mask> of a masked LM, behind the end for a causal one. A filled template is tokenized as one
 * text. What a pair of text and prompt is given depends on it alone, not on the pairs beside it,
 * on batch_rows or on threads. */

typedef struct tw_cloze_options {
    const tw_model *model;
    const tw_template *template;
    const int32_t *tokens; /* [token_count], of the classes */
    size_t token_count;
    size_t batch_rows; /* rows of a forward pass, exceeded by a longer pair only */
    bool strict;       /* a pair that is too long fails instead of losing the text's end */
} tw_cloze_options;

typedef struct tw_cloze tw_cloze;

/* What the options point to is borrowed. NULL when the template does not suit the model. */
tw_cloze *tw_cloze_new(const tw_cloze_options *options);
void tw_cloze_free(tw_cloze *cloze); /* accepts NULL */

/* A text that many prompts follow. */
typedef struct tw_cloze_text {
    const char *text; /* [length], borrowed */
    size_t length;
    tw_ids head; /* tokens that fillings with it begin with as a rule, computed once for all
                    prompts; none for a masked LM. The caller's to free(). */
} tw_cloze_text;

/* Prepares text[length], cut so that it fits the model's context with the empty prompt (see
 * tw_filled_encode). Returns 1 when it was cut, 0 when not, -1
 * on failure. */
int tw_cloze_prepare(tw_cloze *cloze, const char *text, size_t length, tw_cloze_text *prepared);

/* Adds a pair; logits[token_count], the caller's, are there after the next tw_cloze_flush. A
 * text is cut further where the prompt leaves less room. Pairs of one text are to come one after
 * another. Returns 1 when it was cut, 0 when not, -1 on failure. */
int tw_cloze_add(tw_cloze *cloze, const tw_cloze_text *text, const char *prompt, float *logits);

void tw_cloze_flush(tw_cloze *cloze);

#endif
