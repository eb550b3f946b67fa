#ifndef TW_METRIC_RANKING_H
#define TW_METRIC_RANKING_H

#include <stddef.h>

/* How well guesses e[count] order what scores[count] order; e finite, scores finite or minus
 * infinity: of a sample that was not chosen (TW_NOT_CHOSEN of guidance/plackett-luce.h, where
 * pairwise accuracy is too), below all others, its place among its like unknown. NAN where there
 * is no order to find: fewer than two, or all scores equal. */

/* Kendall's tau-b (M. G. Kendall, 1945): pairs in the same order less those in
 * the opposite one, over the geometric mean of the pairs that scores tell apart
 * and those that e does. -1 to 1; 0 when e tells none apart. 1 needs the
 * scores' ties to be ties of e too. Pairs of which neither was chosen are left out. */
double tw_kendall_tau_b(const double *scores, const double *e, size_t count);

/* NDCG (K. Järvelin, J. Kekäläinen, 2002) over all places: a sample gains by how
 * much its score exceeds the least one, at place i (from 1) divided by
 * log2(i + 1), relative to the best order. 0 to 1; samples of equal e share the
 * mean of their places (F. McSherry, M. Najork, 2008). Adding to all scores or
 * scaling them changes nothing. Samples not chosen gain nothing, and count as
 * one below the least of the others (ranks: the next one). */
double tw_ndcg(const double *scores, const double *e, size_t count);

#endif
