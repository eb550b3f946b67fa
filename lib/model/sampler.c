#include "model/sampler.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "model/nucleus.h"
#include "model/row-parts.h"
#include "model/row-search.h"
#include "tensor/kernels/kernels.h"

const tw_sampling tw_sampling_defaults = {.temperature = 1, .top_p = 1, .repetition_penalty = 1};

void tw_sampler_free(tw_sampler *sampler)
{
    free(sampler->logits);
    free(sampler->keys);
    tw_row_parts_release(&sampler->parts);
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

static void make_room(tw_sampler *sampler, size_t vocabulary)
{
    if (sampler->room >= vocabulary)
        return;
    sampler->logits = tw_realloc(sampler->logits, 2 * vocabulary + 1, sizeof *sampler->logits);
    sampler->found = sampler->logits + vocabulary;
    sampler->keys = tw_realloc(sampler->keys, vocabulary + 1, sizeof *sampler->keys);
    sampler->room = vocabulary;
}

/* The lowest id of a logit of max. */
static int32_t likeliest(const tw_sampler *sampler, const float *x, size_t n, float max)
{
    size_t strip = 0;
    while (strip + 1 < tw_row_strips(n) && sampler->parts.tops[strip] != max)
        strip++;
    size_t best = strip * TW_ROW_STRIP;
    while (best + 1 < n && x[best] != max)
        best++;
    return (int32_t)best;
}

/* One after another. */
static double sum_of(const float *weights, size_t count)
{
    double mass = 0;
    for (size_t i = 0; i < count; i++)
        mass += (double)weights[i];
    return mass;
}

/* The first weight with which their mass passes `fraction` of it. */
static size_t draw(const float *weights, size_t count, double fraction)
{
    double left = fraction * sum_of(weights, count);
    for (size_t i = 0; i < count; i++) {
        left -= (double)weights[i];
        if (left < 0)
            return i;
    }
    while (count > 1 && weights[count - 1] == 0) /* sums are rounded: the last one of weight */
        count--;
    return count - 1;
}

/* A part by its mass, then a token within. */
static int32_t draw_of_all(const tw_sampler *sampler, const float *x, size_t n, float scale,
                           double left)
{
    size_t last = 0, j = 0;
    for (; j < sampler->parts.count; j++) {
        const double mass = tw_part_mass(&sampler->parts, j);
        last = mass > 0 ? j : last;
        if (left < mass)
            break;
        left -= mass;
    }
    const size_t first = last * TW_ROW_PART;
    const size_t count = n - first < TW_ROW_PART ? n - first : TW_ROW_PART;
    memcpy(sampler->found, x + first, count * sizeof *sampler->found);
    tw_kernel->row->exp_scaled(sampler->found, count, sampler->parts.peaks[last], scale);
    const double fraction =
        j < sampler->parts.count ? left / tw_part_mass(&sampler->parts, last) : 1;
    return (int32_t)(first + draw(sampler->found, count, fraction));
}

/* Weights (found) and ids (keys) of the logits that are not below a threshold; how many. */
static size_t weigh_largest(const tw_sampler *sampler, const tw_search_row *row, float threshold,
                            float max, float scale)
{
    const size_t count = tw_row_gather(row, threshold, INFINITY, sampler->found, sampler->keys);
    tw_kernel->row->exp_scaled(sampler->found, count, max, scale);
    return count;
}

/* `looked` is the scale at which masses of x are known, 0 if x has not been looked at; max is then
 * its largest logit. */
static int32_t choose(tw_sampler *sampler, const tw_sampling *sampling, const float *x, size_t n,
                      float looked, float max, double uniform)
{
    const float scale = (float)fmin(1.0 / sampling->temperature, FLT_MAX);
    const bool truncated = sampling->top_k > 0 && (size_t)sampling->top_k < n;
    const bool only_tops = sampling->greedy || truncated;
    if (looked == 0 || (!only_tops && looked != scale))
        max = tw_row_look(&sampler->parts, x, n, scale, only_tops);
    if (sampling->greedy)
        return likeliest(sampler, x, n, max);
    const tw_search_row row = {x, n, sampler->parts.tops};
    float *found = sampler->found, threshold = -FLT_MAX;
    double mass = truncated ? 0 : tw_row_mass(&sampler->parts, max, scale);
    if (truncated) {
        const float kth = tw_row_kth(&row, (size_t)sampling->top_k, found, sampler->keys);
        threshold = fmaxf(threshold, kth);
        const size_t count = weigh_largest(sampler, &row, threshold, max, scale);
        if (sampling->top_p == 1)
            return (int32_t)sampler->keys[draw(found, count, uniform)];
        mass = sum_of(found, count);
    }
    if (sampling->top_p == 1)
        return draw_of_all(sampler, x, n, scale, uniform * mass);
    const tw_nucleus nucleus = {row, max, scale, threshold, sampling->top_p * mass};
    return tw_nucleus_draw(&nucleus, uniform, found, sampler->keys);
}

tw_draw tw_sample_token(tw_sampler *sampler, const tw_sampling *sampling, const float *logits,
                        size_t vocabulary, const int32_t *seen, size_t seen_count,
                        const tw_stops *forbidden, double uniform)
{
    make_room(sampler, vocabulary);
    float max;
    const double log_sum = tw_row_log_sum(&sampler->parts, logits, vocabulary, &max);
    if (!isfinite(log_sum)) /* one that is not a number makes the sum none */
        return (tw_draw){-1, (float)log_sum};
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
    const int32_t token =
        choose(sampler, sampling, changed, vocabulary, changed == logits ? 1 : 0, max, uniform);
    return (tw_draw){token, (float)((double)logits[token] - log_sum)};
}
