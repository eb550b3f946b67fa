#include "queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <stdlib.h>

#include "core/error.h"
#include "recorded.h"
#include "task.h"

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

queue decode_entries(const tw_model *model, const tw_decode_options *options, const json_t *entries,
                     const char *key, size_t samples)
{
    queue queue = {.count = json_array_size(entries)};
    assert_in_range(queue.count, 1, MAX_REQUESTS);
    const json_t *entry;
    size_t e;
    json_array_foreach(entries, e, entry)
    {
        tw_request *request = &queue.requests[e];
        request->count = samples;
        request->key = e;
        request->prompt = tokens_of(field(entry, key), &request->length);
    }
    const tw_decode_calls calls = calls_of(&queue);
    if (tw_decode(model, options, &calls) < 0)
        fail_msg("%s", tw_error());
    assert_int_equal(queue.count, queue.done);
    return queue;
}

void clear_queue(queue *queue)
{
    for (size_t i = 0; i < queue->count; i++) {
        free((void *)queue->requests[i].prompt);
        tw_request_clear(&queue->requests[i]);
    }
}

void check_same_sample(const tw_sample *a, const tw_sample *b)
{
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->tokens, b->tokens, a->count * sizeof *a->tokens);
    assert_memory_equal(a->logprobs, b->logprobs, a->count * sizeof *a->logprobs);
}
