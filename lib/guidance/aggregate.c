#include "guidance/aggregate.h"

#include <math.h>

#include "core/math.h"

static double mean_length(const size_t *lengths, size_t count)
{
    double total = 0;
    for (size_t k = 0; k < count; k++)
        total += (double)lengths[k];
    return total / (double)count;
}

static double sum(const float *rewards, size_t length)
{
    double total = 0;
    for (size_t t = 0; t < length; t++)
        total += (double)rewards[t];
    return total;
}

/* The largest of rate * reward, for a stable log-sum-exp. */
static double largest(const float *rewards, size_t length, double rate)
{
    double most = -INFINITY;
    for (size_t t = 0; t < length; t++) {
        double scaled = rate * (double)rewards[t];
        if (scaled > most) /* not fmax, which gcc 12 cannot compile here for arm64 */
            most = scaled;
    }
    return most;
}

/* log sum_t exp(rate r_t) */
static double log_sum_exp(const float *rewards, size_t length, double rate)
{
    double most = largest(rewards, length, rate), total = tw_exp(rate * (double)rewards[0] - most);
    for (size_t t = 1; t < length; t++)
        total += tw_exp(rate * (double)rewards[t] - most);
    return most + tw_log(total);
}

static double score(const tw_aggregate *aggregate, const float *rewards, size_t length, double c)
{
    double beta = aggregate->temperature;
    switch (aggregate->kind) {
    case TW_AGGREGATE_SUM:
        return sum(rewards, length);
    case TW_AGGREGATE_SOFTMAX:
        return c * beta * log_sum_exp(rewards, length, 1 / beta);
    case TW_AGGREGATE_SOFTMIN:
        return -c * beta * log_sum_exp(rewards, length, -1 / beta);
    case TW_AGGREGATE_AVERAGE:
    default:
        return c * sum(rewards, length) / (double)length;
    }
}

void tw_aggregate_scores(const tw_aggregate *aggregate, const float *rewards, const size_t *lengths,
                         size_t count, double *e)
{
    double c = mean_length(lengths, count);
    for (size_t k = 0; k < count; k++) {
        e[k] = score(aggregate, rewards, lengths[k], c);
        rewards += lengths[k];
    }
}

/* d_rewards[t] = d times the share exp(rate r_t) / sum exp(rate r). Softmin's two signs
 * cancel, so both soft aggregates have this gradient. */
static void soft_gradient(const float *rewards, size_t length, double rate, double d,
                          float *d_rewards)
{
    double log_total = log_sum_exp(rewards, length, rate);
    for (size_t t = 0; t < length; t++)
        d_rewards[t] = (float)(d * tw_exp(rate * (double)rewards[t] - log_total));
}

static void flat_gradient(size_t length, double d, float *d_rewards)
{
    for (size_t t = 0; t < length; t++)
        d_rewards[t] = (float)d;
}

void tw_aggregate_gradient(const tw_aggregate *aggregate, const float *rewards,
                           const size_t *lengths, size_t count, const double *d_e, float *d_rewards)
{
    double c = mean_length(lengths, count), beta = aggregate->temperature;
    for (size_t k = 0; k < count; k++) {
        size_t length = lengths[k];
        switch (aggregate->kind) {
        case TW_AGGREGATE_SUM:
            flat_gradient(length, d_e[k], d_rewards);
            break;
        case TW_AGGREGATE_SOFTMAX:
            soft_gradient(rewards, length, 1 / beta, d_e[k] * c, d_rewards);
            break;
        case TW_AGGREGATE_SOFTMIN:
            soft_gradient(rewards, length, -1 / beta, d_e[k] * c, d_rewards);
            break;
        case TW_AGGREGATE_AVERAGE:
            flat_gradient(length, d_e[k] * c / (double)length, d_rewards);
            break;
        }
        rewards += length;
        d_rewards += length;
    }
}
