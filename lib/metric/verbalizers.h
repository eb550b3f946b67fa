#ifndef TW_METRIC_VERBALIZERS_H
#define TW_METRIC_VERBALIZERS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "text/tokenizer.h"

/* The classes of a classifier, each with the one token that stands for it. */

typedef struct tw_class {
    char *name;
    char *verbalizer;
} tw_class;

typedef struct tw_verbalizers {
    tw_class *classes; /* [count >= 2], names distinct */
    size_t count;
} tw_verbalizers;

/* Reads ` terrible, great`: the classes in order, each VERBALIZER or NAME=VERBALIZER, blanks in
 * front of a verbalizer being part of it; the name is by default the verbalizer without them.
 * Or one of the names sst-2, yelp-2, mr, cr, sst-5, yelp-5, ag-news, subj: the lists published
 * for these data sets. -1 with a message; clear in any case. */
int tw_verbalizers_parse(const char *list, tw_verbalizers *verbalizers);
void tw_verbalizers_clear(tw_verbalizers *verbalizers);

/* ids[count]: the token that each verbalizer is in the middle of a text. -1 when one is not
 * exactly one token (the message has its pieces), or two are the same. */
int tw_verbalizers_tokens(const tw_verbalizers *verbalizers, const tw_tokenizer *tokenizer,
                          int32_t *ids);

/* The class that a label names: an index from 0, a class's name, or else a verbalizer. -1 with a
 * message that lists the classes. */
int tw_verbalizers_class(const tw_verbalizers *verbalizers, const json_t *label);

#endif
