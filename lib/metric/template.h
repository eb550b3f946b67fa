#ifndef TW_METRIC_TEMPLATE_H
#define TW_METRIC_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "text/list.h"

/* Templates that put a text and a discrete prompt before a classifier, such as
 * `{text} {prompt} <mask> .`: {text} and {prompt} once each, <mask> at most once. All else is
 * taken as it stands, but for another name in braces, which is refused. */

typedef struct tw_template tw_template;

/* NULL with a message. */
tw_template *tw_template_parse(const char *text);
void tw_template_free(tw_template *template); /* accepts NULL */

/* Whether it has a <mask>. */
bool tw_template_masked(const tw_template *template);

/* What a template is filled with, as it is: no blank is added or taken away. */
typedef struct tw_filling {
    const char *text; /* [length] bytes */
    size_t length;
    const char *prompt;
} tw_filling;

/* Appends the filled template to *to; <mask> stays as it is. */
void tw_template_fill(const tw_template *template, const tw_filling *filling, tw_bytes *to);

/* Appends what all fillings with this text begin with, without the blanks at its end (a
 * tokenizer joins those to what follows). Nothing where the prompt comes before the text. */
void tw_template_head(const tw_template *template, const tw_filling *filling, tw_bytes *to);

#endif
