#ifndef TW_TESTS_QUEUE_H
#define TW_TESTS_QUEUE_H

#include <jansson.h>

#include "model/decode.h"

/* Requests that a test hands to the decoder one after the other. Failures end the test. */

enum { MAX_REQUESTS = 8 };

typedef struct queue {
    tw_request requests[MAX_REQUESTS];
    size_t next, count, done;
} queue;

/* Calls for tw_decode. */
tw_decode_calls calls_of(queue *queue);

/* Decodes `samples` continuations of every entry's prompt, which is its list of ids under `key`;
 * a request's number is its key. */
queue decode_entries(const tw_model *model, const tw_decode_options *options, const json_t *entries,
                     const char *key, size_t samples);
/* Of a queue that decode_entries made. */
void clear_queue(queue *queue);

/* The same length, tokens and log-probabilities, to the bit. */
void check_same_sample(const tw_sample *a, const tw_sample *b);

#endif
