#include "model/beam.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/math.h"
#include "core/memory.h"
#include "model/row-parts.h"
#include "model/row-search.h"

/* A token that a beam may go on with. */
typedef struct candidate {
    double sum;    /* of the beam's log-probabilities and this one's, as processed */
    float value;   /* log-probability, as processed */
    float logprob; /* as the model has it */
    uint32_t beam;
    int32_t token;
} candidate;

/* Beams of one length. */
typedef struct generation {
    int32_t *tokens; /* [N, limit] */
    float *logprobs; /* [N, limit] */
    double *sums;    /* [N] */
} generation;

struct tw_beams {
    tw_beam_task task;
    size_t live, length, looked_at; /* beams, tokens of each, candidates of each beam */
    generation now, next;
    candidate *candidates;     /* [N, looked_at], those of a beam best first; then all */
    tw_hypothesis *hypotheses; /* [N + 1], in the order of their finding; at the end best first */
    size_t count;
    double worst; /* of the hypotheses' scores */
};

static size_t width_of(const tw_beam_options *options, const tw_stops *stops)
{
    return (stops->count > 1 ? 1 + stops->count : 2) * options->beams;
}

int tw_beams_check(const tw_beam_options *options, const tw_stops *stops, size_t pieces)
{
    size_t wanted = width_of(options, stops);
    if (wanted <= pieces)
        return 0;
    return tw_fail("%zu beams choose among %zu tokens at least, the vocabulary has %zu",
                   options->beams, wanted, pieces);
}

static generation new_generation(size_t beams, size_t limit)
{
    return (generation){.tokens = tw_alloc(beams * limit, sizeof(int32_t)),
                        .logprobs = tw_alloc(beams * limit, sizeof(float)),
                        .sums = tw_alloc(beams, sizeof(double))};
}

static void free_generation(generation *old)
{
    free(old->tokens);
    free(old->logprobs);
    free(old->sums);
}

tw_beams *tw_beams_new(const tw_beam_task *task)
{
    size_t n = task->options.beams;
    tw_beams *beams = tw_alloc(1, sizeof *beams);
    *beams = (tw_beams){.task = *task,
                        .live = 1,
                        .looked_at = width_of(&task->options, task->stops),
                        .now = new_generation(n, task->limit),
                        .next = new_generation(n, task->limit),
                        .hypotheses = tw_alloc(n + 1, sizeof *beams->hypotheses),
                        .worst = INFINITY};
    beams->candidates = tw_alloc(n * beams->looked_at, sizeof *beams->candidates);
    return beams;
}

static void free_hypothesis(const tw_hypothesis *old)
{
    free(old->tokens);
    free(old->logprobs);
}

void tw_beams_free(tw_beams *beams)
{
    if (!beams)
        return;
    for (size_t i = 0; i < beams->count; i++)
        free_hypothesis(&beams->hypotheses[i]);
    free(beams->hypotheses);
    free(beams->candidates);
    free_generation(&beams->now);
    free_generation(&beams->next);
    free(beams);
}

size_t tw_beams_live(const tw_beams *beams)
{
    return beams->live;
}

int32_t tw_beams_last(const tw_beams *beams, size_t beam)
{
    return beams->now.tokens[beam * beams->task.limit + beams->length - 1];
}

/* values[seen[i]] is penalised, once however often it is seen, and stays a number whatever
 * the logits and the penalty are. */
static void penalise(float *values, const float *logits, float log_sum, const int32_t *seen,
                     size_t count, double penalty)
{
    for (size_t i = 0; i < count; i++)
        values[seen[i]] = fmaxf((logits[seen[i]] - log_sum) * (float)penalty, -FLT_MAX);
}

/* Keeps list[room] sorted, of equal values the earlier one first. */
static void offer(candidate *list, size_t *count, size_t room, candidate new)
{
    size_t at = *count;
    if (at < room)
        ++*count;
    else if (new.value > list[room - 1].value)
        at = room - 1;
    else
        return;
    for (; at > 0 && list[at - 1].value < new.value; at--)
        list[at] = list[at - 1];
    list[at] = new;
}

/* Log-probabilities as they are processed. */
static void process(const tw_beams *beams, size_t beam, const float *logits, size_t n,
                    float log_sum, float *values)
{
    const tw_beam_task *task = &beams->task;
    const double penalty = task->repetition_penalty;
    for (size_t i = 0; i < n; i++)
        values[i] = logits[i] - log_sum;
    if (penalty != 1) {
        penalise(values, logits, log_sum, task->prompt, task->prompt_length, penalty);
        penalise(values, logits, log_sum, beams->now.tokens + beam * task->limit, beams->length,
                 penalty);
    }
    if (beams->length < task->min_new_tokens)
        for (size_t i = 0; i < task->stops->count; i++)
            values[task->stops->ids[i]] = -INFINITY;
}

int tw_beams_look(tw_beams *beams, size_t beam, const float *logits, size_t vocab_size)
{
    const size_t pieces = beams->task.pieces, wanted = beams->looked_at;
    tw_row_parts parts = {0};
    float max;
    const float log_sum = (float)tw_row_log_sum(&parts, logits, vocab_size, &max);
    if (!isfinite(log_sum)) { /* one that is not a number makes the sum none */
        tw_row_parts_release(&parts);
        return -1;
    }
    float *values = tw_realloc(NULL, vocab_size + pieces + 1, sizeof *values);
    float *found = values + vocab_size;
    uint64_t *tokens = tw_realloc(NULL, pieces + 1, sizeof *tokens);
    process(beams, beam, logits, vocab_size, log_sum, values);
    tw_row_look(&parts, values, pieces, 1, true);
    const tw_search_row row = {values, pieces, parts.tops};
    const float least = tw_row_kth(&row, wanted, found, tokens);
    const size_t likely = tw_row_gather(&row, least, INFINITY, found, tokens);
    candidate *list = beams->candidates + beam * wanted;
    size_t count = 0;
    for (size_t i = 0; i < likely; i++)
        offer(list, &count, wanted,
              (candidate){.sum = beams->now.sums[beam] + (double)found[i],
                          .value = found[i],
                          .logprob = logits[tokens[i]] - log_sum,
                          .beam = (uint32_t)beam,
                          .token = (int32_t)tokens[i]});
    free(tokens);
    free(values);
    tw_row_parts_release(&parts);
    return 0;
}

static double score_of(const tw_beams *beams, double sum, size_t length)
{
    return sum / tw_pow((double)length, beams->task.options.length_penalty);
}

static void drop_worst(tw_beams *beams)
{
    size_t worst = 0, n = beams->task.options.beams;
    for (size_t i = 1; i < beams->count; i++)
        if (beams->hypotheses[i].score < beams->hypotheses[worst].score)
            worst = i;
    free_hypothesis(&beams->hypotheses[worst]);
    memmove(beams->hypotheses + worst, beams->hypotheses + worst + 1,
            (n - worst) * sizeof *beams->hypotheses);
    beams->count--;
    beams->worst = INFINITY;
    for (size_t i = 0; i < beams->count; i++)
        beams->worst = fmin(beams->worst, beams->hypotheses[i].score);
}

/* The text of a beam and, unless NULL, one more token becomes a hypothesis if it is good
 * enough. */
static void add_hypothesis(tw_beams *beams, size_t beam, double sum, const candidate *end)
{
    size_t length = beams->length, count = length + (end != NULL);
    double score = score_of(beams, sum, count);
    if (beams->count == beams->task.options.beams && !(score > beams->worst))
        return;
    tw_hypothesis *new = &beams->hypotheses[beams->count++];
    *new = (tw_hypothesis){.tokens = tw_alloc(count, sizeof *new->tokens),
                           .logprobs = tw_alloc(count, sizeof *new->logprobs),
                           .count = count,
                           .stopped = end != NULL,
                           .score = score};
    const generation *now = &beams->now;
    memcpy(new->tokens, now->tokens + beam * beams->task.limit, length * sizeof *new->tokens);
    memcpy(new->logprobs, now->logprobs + beam * beams->task.limit, length * sizeof *new->logprobs);
    if (end) {
        new->tokens[length] = end->token;
        new->logprobs[length] = end->logprob;
    }
    if (beams->count > beams->task.options.beams)
        drop_worst(beams);
    else
        beams->worst = fmin(beams->worst, score);
}

static void continue_beam(tw_beams *beams, size_t to, const candidate *with)
{
    size_t limit = beams->task.limit, length = beams->length;
    int32_t *tokens = beams->next.tokens + to * limit;
    float *logprobs = beams->next.logprobs + to * limit;
    memcpy(tokens, beams->now.tokens + with->beam * limit, length * sizeof *tokens);
    memcpy(logprobs, beams->now.logprobs + with->beam * limit, length * sizeof *logprobs);
    tokens[length] = with->token;
    logprobs[length] = with->logprob;
    beams->next.sums[to] = with->sum;
}

/* best is the largest sum of all continuations, of beams and of what ended alike. */
static bool has_ended(const tw_beams *beams, double best)
{
    const tw_beam_options *options = &beams->task.options;
    if (beams->count < options->beams)
        return false;
    if (options->early_stopping == TW_STOP_EARLY)
        return true;
    bool longest = options->early_stopping == TW_STOP_CERTAIN && options->length_penalty > 0;
    return beams->worst >= score_of(beams, best, longest ? beams->task.limit : beams->length);
}

static int by_sum(const void *left, const void *right)
{
    const candidate *a = left, *b = right;
    if (a->sum != b->sum)
        return a->sum > b->sum ? -1 : 1;
    if (a->beam != b->beam)
        return a->beam < b->beam ? -1 : 1;
    return a->token < b->token ? -1 : a->token > b->token;
}

/* Insertion keeps the order of equals; there are few. */
static void sort_hypotheses(tw_beams *beams)
{
    for (size_t i = 1; i < beams->count; i++) {
        tw_hypothesis moved = beams->hypotheses[i];
        size_t at = i;
        for (; at > 0 && beams->hypotheses[at - 1].score <= moved.score; at--)
            beams->hypotheses[at] = beams->hypotheses[at - 1];
        beams->hypotheses[at] = moved;
    }
}

bool tw_beams_choose(tw_beams *beams, size_t *origin)
{
    size_t n = beams->task.options.beams, filled = 0;
    const candidate *ranked = beams->candidates;
    qsort(beams->candidates, beams->live * beams->looked_at, sizeof *ranked, by_sum);
    for (size_t rank = 0; rank < beams->looked_at && filled < n; rank++) {
        if (!tw_stops_has(beams->task.stops, ranked[rank].token)) {
            origin[filled] = ranked[rank].beam;
            continue_beam(beams, filled++, &ranked[rank]);
        } else if (rank < n) {
            add_hypothesis(beams, ranked[rank].beam, ranked[rank].sum, &ranked[rank]);
        }
    }
    generation spare = beams->now;
    beams->now = beams->next;
    beams->next = spare;
    beams->live = n;
    beams->length++;
    bool ended = has_ended(beams, ranked[0].sum);
    if (!ended && beams->length < beams->task.limit)
        return true;
    for (size_t i = 0; i < n && !ended; i++)
        add_hypothesis(beams, i, beams->now.sums[i], NULL);
    sort_hypotheses(beams);
    return false;
}

const tw_hypothesis *tw_beams_best(const tw_beams *beams, size_t k)
{
    return &beams->hypotheses[k];
}

void tw_beams_reorder(tw_cache *cache, size_t *slots, const size_t *origin, size_t count)
{
    size_t *old = tw_alloc(2 * count, sizeof *old), *spare = old + count, spares = 0;
    bool *taken = tw_alloc(2 * count, sizeof *taken), *moved = taken + count;
    memcpy(old, slots, count * sizeof *old);
    for (size_t i = 0; i < count; i++) {
        moved[i] = !taken[origin[i]];
        if (moved[i])
            slots[i] = old[origin[i]];
        taken[origin[i]] = true;
    }
    for (size_t i = 0; i < count; i++)
        if (!taken[i])
            spare[spares++] = old[i];
    for (size_t i = 0; i < count; i++)
        if (!moved[i]) {
            slots[i] = spare[--spares];
            tw_cache_copy(cache, slots[i], old[origin[i]]);
        }
    free(taken);
    free(old);
}
