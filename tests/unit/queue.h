#ifndef TW_TESTS_QUEUE_H
#define TW_TESTS_QUEUE_H

#include "model/decode.h"

/* Requests that a test hands to the decoder one after the other. */

enum { MAX_REQUESTS = 8 };

typedef struct queue {
    tw_request requests[MAX_REQUESTS];
    size_t next, count, done;
} queue;

/* Calls for tw_decode. */
tw_decode_calls calls_of(queue *queue);

#endif
