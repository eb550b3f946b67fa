#ifndef TW_METRIC_REWARDED_H
#define TW_METRIC_REWARDED_H

#include "stream/record.h"
#include "text/tokenizer.h"

/* The tokens of a record's samples as they are shown, with their `rewards`, all samples end
 * to end. Start from {0}. */
typedef struct tw_rewarded {
    size_t samples;
    size_t *lengths;     /* [samples] */
    const char **pieces; /* [count], borrowed from the tokenizer */
    double *rewards;     /* [count] */
    size_t count, capacity;
} tw_rewarded;

/* -1, with line and field: no samples, tokens or rewards, not as many of the one as of the
 * other, a token that is not the tokenizer's. To be freed in any case. */
int tw_rewarded_read(tw_rewarded *all, const tw_record *record, const tw_tokenizer *tokenizer);
void tw_rewarded_clear(tw_rewarded *all); /* frees what it holds, not the struct */

#endif
