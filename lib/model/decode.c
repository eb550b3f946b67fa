#include "model/decode.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/rng.h"
#include "model/decode-beams.h"
#include "model/prompt.h"

/* A request under way. */
typedef struct job {
    tw_request *request;
    size_t slot;     /* of the prompt */
    size_t open;     /* samples not yet finished */
    size_t tokens;   /* of the cache, prompt and all samples */
    size_t limit;    /* new tokens of a sample */
    tw_beams *beams; /* NULL: samples are drawn */
    bool over;       /* the search has ended */
} job;

/* A sample under way. */
typedef struct strand {
    job *job;
    uint32_t sample; /* or beam; all beams of a job are under way side by side */
    size_t slot;
} strand;

typedef struct decoder {
    const tw_model *model;
    const tw_decode_options *options;
    tw_tape *tape;
    tw_cache cache;
    tw_batch batch;
    size_t *free_slots, free_count;
    strand *strands;
    size_t count, capacity;
    size_t tokens;        /* of the cache, promised to jobs */
    bool broken;          /* the model gave what is not a number */
    float *logits;        /* [LOGIT_ROWS, vocab_size] */
    tw_sampler *samplers; /* [threads] */
} decoder;

/* Rows of logits held at a time. */
enum { LOGIT_ROWS = 256 };

void tw_request_clear(tw_request *request)
{
    if (request->samples)
        free(request->samples[0].tokens);
    free(request->samples);
    request->samples = NULL;
}

static size_t take_slot(decoder *d, size_t capacity, int64_t parent)
{
    if (d->free_count == 0) {
        size_t old = d->cache.count, count = 2 * old + 16;
        d->cache.slots = tw_realloc(d->cache.slots, count, sizeof *d->cache.slots);
        memset(d->cache.slots + old, 0, (count - old) * sizeof *d->cache.slots);
        d->free_slots = tw_realloc(d->free_slots, count, sizeof *d->free_slots);
        d->cache.count = count;
        for (size_t i = count; i > old; i--)
            d->free_slots[d->free_count++] = i - 1;
    }
    size_t slot = d->free_slots[--d->free_count];
    tw_cache_open(&d->cache, slot, capacity, parent);
    return slot;
}

static void give_slot(decoder *d, size_t slot)
{
    d->free_slots[d->free_count++] = slot;
}

static void allocate_samples(tw_request *request, size_t limit)
{
    size_t each = sizeof(int32_t) + sizeof(float);
    void *block = tw_alloc(request->count * limit, each);
    int32_t *tokens = block;
    float *logprobs = (void *)(tokens + request->count * limit);
    for (size_t k = 0; k < request->count; k++)
        request->samples[k] =
            (tw_sample){.tokens = tokens + k * limit, .logprobs = logprobs + k * limit};
}

/* Tokens that a generation of the request may have. */
static size_t limit_of(const decoder *d, const tw_request *request)
{
    const tw_config *config = &d->model->config;
    const size_t room =
        tw_has_encoder(config) ? TW_MAX_GENERATION : config->max_positions - request->length;
    return d->options->max_new_tokens < room ? d->options->max_new_tokens : room;
}

/* Strands of a request. */
static size_t strands_of(const decoder *d, const tw_request *request)
{
    return d->options->beam.beams ? d->options->beam.beams : request->count;
}

static size_t needed(const decoder *d, const tw_request *request)
{
    return request->length + strands_of(d, request) * limit_of(d, request);
}

static job *admit(decoder *d, tw_request *request)
{
    job *new = tw_alloc(1, sizeof *new);
    new->request = request;
    new->limit = limit_of(d, request);
    new->open = strands_of(d, request);
    new->beams = tw_decode_beams(d->model, d->options, request, new->limit);
    new->tokens = needed(d, request);
    new->slot = take_slot(d, tw_model_prompt_rows(d->model, request->length), -1);
    request->samples = tw_alloc(request->count, sizeof *request->samples);
    allocate_samples(request, new->limit);
    d->tokens += new->tokens;
    tw_model_open_prompt(d->model, &d->batch, request->prompt, request->length, new->slot);
    return new;
}

/* Draws the next token of a strand from its logits. */
static void draw_next(decoder *d, const strand *at, const float *logits)
{
    const tw_request *request = at->job->request;
    tw_sample *sample = &request->samples[at->sample];
    const tw_config *config = &d->model->config;
    bool early = sample->count < d->options->min_new_tokens;
    double uniform = tw_uniform(d->options->seed, TW_RNG_SAMPLE, request->key, at->sample,
                                (uint32_t)sample->count);
    int32_t *seen = NULL;
    size_t seen_count = 0;
    if (d->options->sampling.repetition_penalty != 1) {
        const size_t before = tw_model_prompt_rows(d->model, request->length);
        seen_count = before + sample->count;
        seen = tw_alloc(seen_count, sizeof *seen);
        memcpy(seen, tw_model_prompt_ids(d->model, request->prompt), before * sizeof *seen);
        memcpy(seen + before, sample->tokens, sample->count * sizeof *seen);
    }
    tw_draw drawn = tw_sample_token(&d->samplers[omp_get_thread_num()], &d->options->sampling,
                                    logits, config->vocab_size, seen, seen_count,
                                    early ? &config->stops : NULL, uniform);
    free(seen);
    if (drawn.token < 0) {
#pragma omp atomic write
        d->broken = true;
        drawn.token = 0; /* whatever happens next stays inside the vocabulary */
    }
    sample->tokens[sample->count] = drawn.token;
    sample->logprobs[sample->count++] = drawn.logprob;
    sample->stopped = tw_stops_has(&config->stops, drawn.token);
}

/* Ids beyond the tokenizer's only pad the embedding; they have no text. */
static void hide_padding(decoder *d, size_t rows)
{
    size_t vocabulary = d->model->config.vocab_size;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = (size_t)tw_tokenizer_size(d->model->tokenizer); j < vocabulary; j++)
            d->logits[i * vocabulary + j] = -INFINITY;
}

/* A sample's next token, or a beam's candidates for it. */
static void advance(decoder *d, const strand *at, const float *logits)
{
    tw_beams *beams = at->job->beams;
    if (!beams)
        draw_next(d, at, logits);
    else if (at->sample < tw_beams_live(beams) &&
             tw_beams_look(beams, at->sample, logits, d->model->config.vocab_size) < 0) {
#pragma omp atomic write
        d->broken = true;
    }
}

/* The next beams of every job, once all of its beams were looked at. */
static void choose_beams(decoder *d, strand *strands, size_t count)
{
    size_t n = d->options->beam.beams, *slots = tw_alloc(n, sizeof *slots);
    for (size_t first = 0; first < count; first += n) {
        job *job = strands[first].job;
        for (size_t i = 0; i < n; i++)
            slots[i] = strands[first + i].slot;
        job->over = !tw_decode_choose(job->beams, n, &d->cache, slots, job->request);
        for (size_t i = 0; i < n; i++)
            strands[first + i].slot = slots[i];
    }
    free(slots);
}

/* Logits of hidden[rows], then a draw for each of the strands that read a row:
 * strand i reads row rows_of[i]. */
static void draw_all(decoder *d, const float *hidden, size_t rows, strand *strands,
                     const size_t *row_of, size_t count)
{
    size_t width = d->model->config.hidden_size, vocabulary = d->model->config.vocab_size;
    for (size_t first = 0, i = 0; first < rows; first += LOGIT_ROWS) {
        size_t n = rows - first < LOGIT_ROWS ? rows - first : LOGIT_ROWS, last = i;
        tw_model_logits(d->model, hidden + first * width, n, d->logits);
        hide_padding(d, n);
        while (last < count && row_of[last] < first + n)
            last++;
#pragma omp parallel for schedule(dynamic, 4)
        for (size_t s = i; s < last; s++)
            advance(d, &strands[s], d->logits + (row_of[s] - first) * vocabulary);
        i = last;
    }
    if (d->options->beam.beams && !d->broken)
        choose_beams(d, strands, count);
}

static int finish_job(decoder *d, job *done, const tw_decode_calls *calls)
{
    tw_cache_close(&d->cache, done->slot); /* the next prompt is of another length */
    give_slot(d, done->slot);
    d->tokens -= done->tokens;
    tw_request *request = done->request;
    tw_beams_free(done->beams);
    free(done);
    return calls->done(calls->context, request);
}

static bool is_over(const strand *at)
{
    if (at->job->beams)
        return at->job->over;
    const tw_sample *sample = &at->job->request->samples[at->sample];
    return sample->stopped || sample->count == at->job->limit;
}

/* Strands whose sample is complete leave; the others keep their order. */
static int remove_finished(decoder *d, const tw_decode_calls *calls)
{
    if (d->broken)
        return tw_fail("the model's logits are not numbers: do its weights overflow?");
    size_t kept = 0;
    int status = 0;
    for (size_t i = 0; i < d->count; i++) {
        strand at = d->strands[i];
        if (!is_over(&at)) {
            d->strands[kept++] = at;
            continue;
        }
        give_slot(d, at.slot);
        if (--at.job->open == 0 && finish_job(d, at.job, calls) < 0)
            status = -1;
    }
    d->count = kept;
    return status;
}

static void reserve(decoder *d, size_t count)
{
    if (count <= d->capacity)
        return;
    d->capacity = 2 * count;
    d->strands = tw_realloc(d->strands, d->capacity, sizeof *d->strands);
}

/* Forward over the batch, and the states at the last token of each segment. */
static const float *last_hidden(decoder *d)
{
    tw_tensor *hidden = d->model->architecture->forward(d->model, d->tape, &d->batch);
    tw_cache_commit(&d->batch);
    uint32_t *last = tw_arena_alloc(tw_tape_arena(d->tape), d->batch.count, sizeof *last);
    for (size_t s = 0; s < d->batch.count; s++)
        last[s] = (uint32_t)(d->batch.segments[s].first + d->batch.segments[s].length - 1);
    hidden = tw_gather(d->tape, hidden, last, d->batch.count);
    return tw_model_states(d->model, d->tape, hidden)->x;
}

/* Prompts of new requests: computed together, then the first token of each sample. */
static void begin(decoder *d, job **jobs, size_t count)
{
    const float *hidden = last_hidden(d);
    size_t first = d->count, strands = 0;
    for (size_t j = 0; j < count; j++)
        strands += jobs[j]->open;
    size_t *row_of = tw_alloc(strands, sizeof *row_of), at = 0;
    reserve(d, first + strands);
    for (size_t j = 0; j < count; j++)
        for (uint32_t k = 0; k < jobs[j]->open; k++) {
            row_of[at++] = j;
            d->strands[d->count++] =
                (strand){jobs[j], k, take_slot(d, jobs[j]->limit, (int64_t)jobs[j]->slot)};
        }
    draw_all(d, hidden, count, d->strands + first, row_of, strands);
    free(row_of);
}

/* Lets requests in while there is room. The cache fills up in bursts: many prompts at
 * once make larger matrices than one at a time. */
static void admit_waiting(decoder *d, const tw_decode_calls *calls, tw_request **waiting)
{
    job **jobs = NULL;
    size_t count = 0;
    tw_batch_clear(&d->batch);
    while ((*waiting || (*waiting = calls->next(calls->context))) &&
           (d->tokens == 0 || d->tokens + needed(d, *waiting) <= d->options->batch_tokens)) {
        jobs = tw_realloc(jobs, count + 1, sizeof(job *));
        jobs[count++] = admit(d, *waiting);
        *waiting = NULL;
    }
    if (count)
        begin(d, jobs, count);
    free(jobs);
    tw_tape_reset(d->tape);
}

static int32_t last_token(const strand *at)
{
    if (at->job->beams)
        return tw_beams_last(at->job->beams, at->sample);
    const tw_sample *sample = &at->job->request->samples[at->sample];
    return sample->tokens[sample->count - 1];
}

/* One more token for every strand. */
static void step(decoder *d)
{
    tw_batch_clear(&d->batch);
    size_t *row_of = tw_alloc(d->count, sizeof *row_of);
    for (size_t i = 0; i < d->count; i++) {
        int32_t last = last_token(&d->strands[i]);
        tw_batch_continue(&d->batch, &last, 1, d->strands[i].slot);
        row_of[i] = i;
    }
    draw_all(d, last_hidden(d), d->count, d->strands, row_of, d->count);
    free(row_of);
    tw_tape_reset(d->tape);
}

static void open_decoder(decoder *d, const tw_model *model, const tw_decode_options *options)
{
    const tw_config *config = &model->config;
    *d = (decoder){.model = model, .options = options, .tape = tw_tape_new(false)};
    tw_cache_init(&d->cache, config->layers, config->kv_heads * config->head_size, 0);
    d->batch.cache = &d->cache;
    d->logits = tw_alloc((size_t)LOGIT_ROWS * config->vocab_size, sizeof *d->logits);
    d->samplers = tw_alloc((size_t)omp_get_max_threads(), sizeof *d->samplers);
}

static void close_decoder(decoder *d)
{
    for (int i = 0; i < omp_get_max_threads(); i++)
        tw_sampler_free(&d->samplers[i]);
    free(d->samplers);
    free(d->logits);
    free(d->strands);
    free(d->free_slots);
    tw_batch_free(&d->batch);
    tw_cache_free(&d->cache);
    tw_tape_free(d->tape);
}

int tw_decode(const tw_model *model, const tw_decode_options *options, const tw_decode_calls *calls)
{
    if (options->beam.beams && tw_beams_check(&options->beam, &model->config.stops,
                                              (size_t)tw_tokenizer_size(model->tokenizer)) < 0)
        return -1;
    decoder d;
    open_decoder(&d, model, options);
    tw_request *waiting = NULL;
    int status = 0;
    do {
        if (4 * d.tokens <= 3 * options->batch_tokens)
            admit_waiting(&d, calls, &waiting);
        status = remove_finished(&d, calls);
        if (status == 0 && d.count) {
            step(&d);
            status = remove_finished(&d, calls);
        }
    } while (status == 0 && (d.count || waiting || (waiting = calls->next(calls->context))));
    for (size_t i = 0; i < d.count; i++)
        if (--d.strands[i].job->open == 0) {
            tw_beams_free(d.strands[i].job->beams);
            free(d.strands[i].job);
        }
    close_decoder(&d);
    return status;
}
