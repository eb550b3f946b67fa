#ifndef TW_TEXT_POST_PROCESSOR_H
#define TW_TEXT_POST_PROCESSOR_H

#include <jansson.h>
#include <stddef.h>

#include "text/tokenizer.h"

/* The special tokens that go around a text. */
typedef struct tw_affixes {
    tw_ids before, after; /* ids: owned, NULL while there are none */
} tw_affixes;

/* What "post_processor" of a tokenizer.json puts around a single text: TemplateProcessing,
 * BertProcessing, RobertaProcessing, and Sequence of these; ByteLevel puts nothing. ids lie
 * below `vocabulary`. -1 with a message that names the field below it; null and absent
 * (NULL) are sound. tw_affixes_clear in any case. */
int tw_post_processor_read(const json_t *json, size_t vocabulary, tw_affixes *affixes);

/* One more id on the outside. */
void tw_affixes_put(tw_affixes *affixes, int before, int32_t id);
void tw_affixes_clear(tw_affixes *affixes);

#endif
