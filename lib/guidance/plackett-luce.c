#include "guidance/plackett-luce.h"

#include <math.h>
#include <stdbool.h>

#include "core/math.h"
#include "core/rng.h"

static bool before(const double *scores, uint32_t a, uint64_t key_a, uint32_t b, uint64_t key_b)
{
    if (scores[a] != scores[b])
        return scores[a] > scores[b];
    return key_a != key_b ? key_a < key_b : a < b;
}

/* By insertion: groups are small, and the keys are made once each. */
void tw_preference_order(const double *scores, size_t count, uint64_t seed, uint64_t visit,
                         uint32_t group, uint32_t *order)
{
    for (uint32_t k = 0; k < count; k++) {
        uint64_t key = tw_random(seed, TW_RNG_TIES, visit, group, k);
        size_t at = k;
        for (; at > 0; at--) {
            uint32_t other = order[at - 1];
            if (!before(scores, k, key, other, tw_random(seed, TW_RNG_TIES, visit, group, other)))
                break;
            order[at] = other;
        }
        order[at] = k;
    }
}

/* Backwards over the order, so that `rest`, the log-sum-exp of what remains to be
 * chosen, grows by one term a step. */
double tw_plackett_luce_top(const double *e, const uint32_t *order, size_t count, size_t known,
                            double *d_e)
{
    double loss = 0, rest = -INFINITY;
    for (size_t k = count; k-- > 0;) {
        double value = e[order[k]];
        double most = fmax(rest, value);
        rest = most + tw_log(tw_exp(rest - most) + tw_exp(value - most));
        if (d_e)
            d_e[order[k]] = 0;
        if (k >= known)
            continue; /* there to be chosen, and never was */
        loss += rest - value;
        if (!d_e)
            continue;
        /* Choice k adds exp(e - rest) to every generation that was still there. */
        d_e[order[k]] = tw_exp(value - rest) - 1;
        for (size_t i = k + 1; i < count; i++)
            d_e[order[i]] += tw_exp(e[order[i]] - rest);
    }
    return loss;
}

double tw_plackett_luce(const double *e, const uint32_t *order, size_t count, double *d_e)
{
    return tw_plackett_luce_top(e, order, count, count, d_e);
}

size_t tw_known(const double *scores, size_t count)
{
    size_t known = 0;
    for (size_t k = 0; k < count; k++)
        known += scores[k] != TW_NOT_CHOSEN;
    return known;
}

void tw_count_pairs(const double *scores, const double *e, size_t count, tw_pairs *pairs)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++) {
            if (scores[i] == scores[j])
                continue;
            pairs->count++;
            if (e[i] == e[j])
                pairs->right += 0.5;
            else if ((e[i] > e[j]) == (scores[i] > scores[j]))
                pairs->right += 1;
        }
}
