#include "model/sampler.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "tensor/vector.h"

const tw_sampling tw_sampling_defaults = {.temperature = 1, .top_p = 1, .repetition_penalty = 1};

void tw_sampler_free(tw_sampler *sampler)
{
    free(sampler->logits);
    free(sampler->kept);
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
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (logits[i] > logits[best])
            best = i;
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

static int by_probability(const void *left, const void *right, void *probabilities)
{
    const float *p = probabilities;
    int32_t a = *(const int32_t *)left, b = *(const int32_t *)right;
    if (p[a] != p[b])
        return p[a] > p[b] ? -1 : 1;
    return a < b ? -1 : a > b;
}

/* Cuts kept[count], whose probabilities sum to total, to the nucleus of mass top_p. */
static size_t nucleus(int32_t *kept, size_t count, float *p, double total, double top_p)
{
    qsort_r(kept, count, sizeof *kept, by_probability, p);
    double mass = 0;
    for (size_t i = 0; i < count; i++) {
        mass += p[kept[i]];
        if (mass >= top_p * total)
            return i + 1;
    }
    return count;
}

static int32_t draw(const tw_sampling *sampling, float *p, int32_t *kept, size_t n, float *heap,
                    double uniform)
{
    float threshold = -INFINITY;
    if (sampling->top_k > 0 && (size_t)sampling->top_k < n)
        threshold = kth_largest(p, n, (size_t)sampling->top_k, heap);
    float max = tw_row_max(p, n), inverse = (float)fmin(1.0 / sampling->temperature, FLT_MAX);
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (p[i] >= threshold && p[i] > -INFINITY)
            kept[count++] = (int32_t)i;
    double total = 0;
    for (size_t i = 0; i < count; i++) {
        p[kept[i]] = tw_exp((p[kept[i]] - max) * inverse);
        total += p[kept[i]];
    }
    if (sampling->top_p < 1) {
        count = nucleus(kept, count, p, total, sampling->top_p);
        total = 0;
        for (size_t i = 0; i < count; i++)
            total += p[kept[i]];
    }
    double left = uniform * total;
    for (size_t i = 0; i + 1 < count; i++) {
        left -= p[kept[i]];
        if (left < 0)
            return kept[i];
    }
    return kept[count - 1];
}

tw_draw tw_sample_token(tw_sampler *sampler, const tw_sampling *sampling, const float *logits,
                        size_t vocabulary, const int32_t *seen, size_t seen_count,
                        const tw_stops *forbidden, double uniform)
{
    if (sampler->room < vocabulary) {
        sampler->logits = tw_realloc(sampler->logits, 2 * vocabulary, sizeof *sampler->logits);
        sampler->kept = tw_realloc(sampler->kept, vocabulary, sizeof *sampler->kept);
        sampler->room = vocabulary;
    }
    float *work = sampler->logits;
    memcpy(work, logits, vocabulary * sizeof *work);
    float max = tw_row_max(work, vocabulary);
    float log_sum = max + logf(tw_row_exp(work, vocabulary, max));
    if (!isfinite(log_sum)) /* one that is not a number makes the sum none */
        return (tw_draw){-1, log_sum};
    memcpy(work, logits, vocabulary * sizeof *work);
    if (sampling->repetition_penalty != 1)
        penalise(work, logits, seen, seen_count, (float)sampling->repetition_penalty);
    for (size_t i = 0; forbidden && i < forbidden->count; i++)
        work[forbidden->ids[i]] = -INFINITY;
    tw_draw drawn;
    drawn.token = sampling->greedy ? likeliest(work, vocabulary)
                                   : draw(sampling, work, sampler->kept, vocabulary,
                                          work + sampler->room, uniform);
    drawn.logprob = logits[drawn.token] - log_sum;
    return drawn;
}
