#ifndef TW_METRIC_SHOW_H
#define TW_METRIC_SHOW_H

#include "metric/paint.h"
#include "stream/record.h"
#include "text/tokenizer.h"

/* A record for people: its prompt, then each sample's tokens painted by their
 * `rewards` (one number per token), with `score` and `rank` where there are any,
 * and a legend; the scale is the record's own. Lines, each ended by a newline;
 * the caller frees. NULL on failure, with line and field: no samples, tokens or
 * rewards, not as many of the one as of the other, a token that is not the
 * tokenizer's. */
char *tw_show_record(const tw_record *record, const tw_tokenizer *tokenizer, bool color);

#endif
