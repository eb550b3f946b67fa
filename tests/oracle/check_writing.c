#include <math.h>
#include <stdlib.h>

#include "check_real.h"
#include "core/memory.h"
#include "model/decode.h"

typedef struct queue {
    tw_request *requests;
    size_t next, count;
} queue;

static tw_request *next(void *context)
{
    queue *queue = context;
    return queue->next < queue->count ? &queue->requests[queue->next++] : NULL;
}

static int done(void *context, tw_request *request)
{
    (void)context;
    (void)request;
    return 0;
}

/* All prompts of the entries, `samples` of each. The caller clears it. */
static int decode(const check *check, const json_t *entries, tw_decode_options *options,
                  size_t samples, queue *queue)
{
    size_t i;
    const json_t *entry;
    *queue = (struct queue){.count = json_array_size(entries)};
    queue->requests = tw_alloc(queue->count, sizeof *queue->requests);
    json_array_foreach(entries, i, entry)
    {
        queue->requests[i].prompt = ids_of(field(entry, "prompt"), &queue->requests[i].length);
        queue->requests[i].count = samples;
    }
    options->batch_tokens = 1 << 16;
    return tw_decode(check->model, options, &(tw_decode_calls){next, done, queue});
}

static void clear(queue *queue)
{
    for (size_t i = 0; i < queue->count; i++) {
        free((void *)queue->requests[i].prompt);
        tw_request_clear(&queue->requests[i]);
    }
    free(queue->requests);
}

/* How many of the tokens differ, from the first difference on. */
static size_t differing(const json_t *tokens, const tw_sample *sample)
{
    size_t count, same = 0;
    int32_t *expected = ids_of(tokens, &count);
    while (same < count && same < sample->count && expected[same] == sample->tokens[same])
        same++;
    free(expected);
    return (count > sample->count ? count : sample->count) - same;
}

int check_greedy(check *check)
{
    const json_t *greedy = field(check->record, "greedy"), *entry,
                 *entries = field(greedy, "entries");
    tw_decode_options options = {.sampling = tw_sampling_defaults,
                                 .max_new_tokens = (size_t)number(greedy, "new_tokens")};
    options.sampling.greedy = true;
    queue queue;
    int status = decode(check, entries, &options, 1, &queue);
    size_t i, wrong = 0, all = 0;
    json_array_foreach(entries, i, entry)
    {
        if (status < 0)
            break;
        wrong += differing(field(entry, "tokens"), &queue.requests[i].samples[0]);
        all += json_array_size(field(entry, "tokens"));
    }
    char *what = tw_format("of %zu", all);
    if (status == 0)
        report(check, GREEDY, (double)wrong, what);
    free(what);
    clear(&queue);
    return status;
}

/* What has been found of beams, and how it differs from the record. */
typedef struct found {
    size_t tokens, wrong, stopped;
    double error; /* of scores */
} found;

static void compare_texts(const json_t *texts, const tw_request *request, found *found)
{
    const json_t *text;
    size_t k;
    json_array_foreach(texts, k, text)
    {
        const tw_sample *sample = &request->samples[k];
        found->wrong += differing(field(text, "tokens"), sample);
        found->tokens += json_array_size(field(text, "tokens"));
        found->stopped += sample->stopped;
        found->error = fmax(found->error, fabs(sample->beam_score / number(text, "score") - 1));
    }
}

int check_beams(check *check)
{
    const json_t *beams = field(check->record, "beams"), *entries = field(beams, "entries");
    tw_decode_options options = {
        .sampling = tw_sampling_defaults,
        .beam = {.beams = (size_t)number(beams, "beams"),
                 .length_penalty = number(beams, "length_penalty")},
        .max_new_tokens = (size_t)number(beams, "new_tokens"),
    };
    check->model->config.stops = (tw_stops){.ids = {(int32_t)number(beams, "stop")}, .count = 1};
    queue queue;
    found found = {0};
    int status = decode(check, entries, &options, options.beam.beams, &queue);
    for (size_t i = 0; i < queue.count && status == 0; i++)
        compare_texts(field(json_array_get(entries, i), "texts"), &queue.requests[i], &found);
    char *what = tw_format("of %zu; %zu texts have ended", found.tokens, found.stopped);
    if (status == 0) {
        report(check, BEAMS, (double)found.wrong, what);
        report(check, SCORES, found.error, "");
    }
    free(what);
    clear(&queue);
    return status;
}
