#include "queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>

static tw_request *next(void *context)
{
    queue *queue = context;
    return queue->next < queue->count ? &queue->requests[queue->next++] : NULL;
}

static int done(void *context, tw_request *request)
{
    queue *queue = context;
    assert_non_null(request->samples);
    queue->done++;
    return 0;
}

tw_decode_calls calls_of(queue *queue)
{
    return (tw_decode_calls){next, done, queue};
}
