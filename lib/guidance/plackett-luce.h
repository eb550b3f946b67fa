#ifndef TW_GUIDANCE_PLACKETT_LUCE_H
#define TW_GUIDANCE_PLACKETT_LUCE_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

/* The alignment loss: negative log-likelihood of a true order under the
 * Plackett-Luce model, ListMLE (METHOD.md, "Alignment loss"; Xia et al. 2008). */

/* The score of a generation that a partial order leaves out: it was there, and others
 * were chosen. The order ends before those. */
#define TW_NOT_CHOSEN (-INFINITY)

/* How many of scores[count] are not TW_NOT_CHOSEN. */
size_t tw_known(const double *scores, size_t count);

/* order[count]: indices by score, best first; ties in random order, a function of
 * (seed, visit, group, index) alone. group < 2^24. */
void tw_preference_order(const double *scores, size_t count, uint64_t seed, uint64_t visit,
                         uint32_t group, uint32_t *order);

/* sum_k [ log sum_{i >= k} exp(e[order[i]]) - e[order[k]] ], and, unless d_e is NULL,
 * d_e[count] = d loss / d e. With count 2 it is Bradley-Terry's, with 1 zero. */
double tw_plackett_luce(const double *e, const uint32_t *order, size_t count, double *d_e);

/* The same for an order that is known for its `known` first places only, over all count
 * alternatives (Plackett 1975; top-1 is a softmax): the likelihood is the sum of those
 * of all complete orders that begin so, and its product ends after `known` choices. */
double tw_plackett_luce_top(const double *e, const uint32_t *order, size_t count, size_t known,
                            double *d_e);

/* Pairs of different true score, and those that e puts in the same order (equal e: half). */
typedef struct tw_pairs {
    double right;
    size_t count;
} tw_pairs;
void tw_count_pairs(const double *scores, const double *e, size_t count, tw_pairs *pairs);

#endif
