#include "model/sampler.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "tensor/kernels/functions.h"
#include "tensor/kernels/kernels.h"

const tw_sampling tw_sampling_defaults = {.temperature = 1, .top_p = 1, .repetition_penalty = 1};

void tw_sampler_free(tw_sampler *sampler)
{
    free(sampler->logits);
    free(sampler->keys);
    *sampler = (tw_sampler){0};
}

static void penalise(float *logits, const float *original, const int32_t *seen, size_t count,
                     float penalty)
{
    /* from the original, so that a token seen twice is penalised once */
    for (size_t i = 0; i < count; i++) {
        float logit = original[seen[i]];
        logit = logit > 0 ? logit / penalty : logit * penalty;
        logits[seen[i]] = fmaxf(fminf(logit, FLT_MAX), -FLT_MAX);
    }
}

static int32_t likeliest(const float *logits, size_t n)
{
    const float max = tw_row_max(logits, n);
    size_t best = 0;
    while (best + 1 < n && logits[best] != max)
        best++;
    return (int32_t)best;
}

/* The k-th largest of logits[n]: a heap of the k largest so far, smallest on top. */
static float kth_largest(const float *logits, size_t n, size_t k, float *heap)
{
    size_t size = 0;
    for (size_t i = 0; i < n; i++) {
        float x = logits[i];
        if (size < k) {
            size_t at = size++;
            for (; at > 0 && heap[(at - 1) / 2] > x; at = (at - 1) / 2)
                heap[at] = heap[(at - 1) / 2];
            heap[at] = x;
        } else if (x > heap[0]) {
            size_t at = 0;
            for (size_t child = 1; child < k; child = 2 * at + 1) {
                if (child + 1 < k && heap[child + 1] < heap[child])
                    child++;
                if (heap[child] >= x)
                    break;
                heap[at] = heap[child];
                at = child;
            }
            heap[at] = x;
        }
    }
    return heap[0];
}

/* Weights of the tokens that stay in, 0 of the others; the likeliest weighs 1. x and weights may be
 * one array. */
static void weigh(const float *x, size_t n, float threshold, float inverse_temperature,
                  float *weights)
{
    const float max = tw_row_max(x, n);
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        float weight = tw_expf((x[i] - max) * inverse_temperature);
        weights[i] = x[i] >= threshold && x[i] > -INFINITY ? weight : 0;
    }
}

/* Weights are summed block by block, so that a draw walks through one block only. */
enum { BLOCK = 256 };

static double block_mass(const float *weights, size_t n, size_t first)
{
    size_t end = n - first < BLOCK ? n : first + BLOCK;
    double mass = 0;
#pragma omp simd reduction(+ : mass)
    for (size_t i = first; i < end; i++)
        mass += weights[i];
    return mass;
}

static double total_mass(const float *weights, size_t n)
{
    double mass = 0;
    for (size_t first = 0; first < n; first += BLOCK)
        mass += block_mass(weights, n, first);
    return mass;
}

/* The token where the weights before it and its own pass uniform * their sum. */
static int32_t draw(const float *weights, size_t n, double uniform)
{
    double left = uniform * total_mass(weights, n), mass;
    size_t first = 0;
    while (first + BLOCK < n && left >= (mass = block_mass(weights, n, first))) {
        left -= mass;
        first += BLOCK;
    }
    size_t end = n - first < BLOCK ? n : first + BLOCK;
    for (size_t i = first; i < end; i++) {
        left -= weights[i];
        if (left < 0)
            return (int32_t)i;
    }
    while (end > 1 && weights[end - 1] == 0) /* sums are rounded: the last one of weight */
        end--;
    return (int32_t)end - 1;
}

/* Order of the nucleus: a greater weight is a greater key, and so is, among equals, a lower id.
 * Weights are not negative, so their bits are in their order. */
static uint64_t key_of(float weight, size_t id)
{
    uint32_t bits;
    memcpy(&bits, &weight, sizeof bits);
    return (uint64_t)bits << 32 | (UINT32_MAX - (uint32_t)id);
}

static int32_t id_of(uint64_t key)
{
    return (int32_t)(UINT32_MAX - (uint32_t)key);
}

/* heap[at] sinks to its place in heap[count], greatest on top. */
static void sink(uint64_t *heap, size_t count, size_t at)
{
    uint64_t key = heap[at];
    for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        child += child + 1 < count && heap[child + 1] > heap[child];
        if (heap[child] <= key)
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = key;
}

/* Draws from the likeliest tokens that together have top_p of the mass, in their order. They are
 * taken from a heap one by one: a nucleus is small as a rule, and the rest needs no order. */
static int32_t draw_nucleus(const float *weights, size_t n, double top_p, uint64_t *keys,
                            double uniform)
{
    const double total = total_mass(weights, n), enough = top_p * total;
    /* all that are lighter than this do not make up what a nucleus leaves out */
    const double light = 0.5 * (total - enough) / (double)n;
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if ((double)weights[i] > light)
            keys[count++] = key_of(weights[i], i);
    for (size_t i = count / 2; i-- > 0;)
        sink(keys, count, i);
    double mass = 0;
    size_t left = count; /* of the heap; behind it, those taken, the first at the end */
    while (left > 0 && mass < enough) {
        uint64_t top = keys[0];
        mass += weights[id_of(top)];
        keys[0] = keys[--left];
        sink(keys, left, 0);
        keys[left] = top;
    }
    double rest = uniform * mass;
    for (size_t i = count; i-- > left + 1;) {
        rest -= weights[id_of(keys[i])];
        if (rest < 0)
            return id_of(keys[i]);
    }
    return id_of(keys[left]);
}

static void make_room(tw_sampler *sampler, size_t vocabulary)
{
    if (sampler->room >= vocabulary)
        return;
    sampler->logits = tw_realloc(sampler->logits, 2 * vocabulary, sizeof *sampler->logits);
    sampler->keys = tw_realloc(sampler->keys, vocabulary, sizeof *sampler->keys);
    sampler->room = vocabulary;
}

static int32_t choose(tw_sampler *sampler, const tw_sampling *sampling, const float *logits,
                      size_t n, double uniform)
{
    if (sampling->greedy)
        return likeliest(logits, n);
    float threshold = -INFINITY, *weights = sampler->logits;
    if (sampling->top_k > 0 && (size_t)sampling->top_k < n)
        threshold =
            kth_largest(logits, n, (size_t)sampling->top_k, sampler->logits + sampler->room);
    weigh(logits, n, threshold, (float)fmin(1.0 / sampling->temperature, FLT_MAX), weights);
    return sampling->top_p < 1 ? draw_nucleus(weights, n, sampling->top_p, sampler->keys, uniform)
                               : draw(weights, n, uniform);
}

tw_draw tw_sample_token(tw_sampler *sampler, const tw_sampling *sampling, const float *logits,
                        size_t vocabulary, const int32_t *seen, size_t seen_count,
                        const tw_stops *forbidden, double uniform)
{
    float max = tw_row_max(logits, vocabulary);
    float log_sum = max + tw_logf(tw_row_exp_sum(logits, vocabulary, max));
    if (!isfinite(log_sum)) /* one that is not a number makes the sum none */
        return (tw_draw){-1, log_sum};
    make_room(sampler, vocabulary);
    const float *changed = logits;
    if (sampling->repetition_penalty != 1 || forbidden) {
        float *copy = sampler->logits;
        memcpy(copy, logits, vocabulary * sizeof *copy);
        if (sampling->repetition_penalty != 1)
            penalise(copy, logits, seen, seen_count, (float)sampling->repetition_penalty);
        for (size_t i = 0; forbidden && i < forbidden->count; i++)
            copy[forbidden->ids[i]] = -INFINITY;
        changed = copy;
    }
    int32_t token = choose(sampler, sampling, changed, vocabulary, uniform);
    return (tw_draw){token, logits[token] - log_sum};
}
