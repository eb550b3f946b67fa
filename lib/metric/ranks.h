#ifndef TW_METRIC_RANKS_H
#define TW_METRIC_RANKS_H

#include <stddef.h>

/* ranks[count] of finite scores[count]: 1 is the highest score. Going down from
 * the best, a score joins the rank of the one that opened it if it is at most
 * `ties` below that one; else it opens the next rank, 1 + the number of better
 * ones (1, 2, 2, 4). */
void tw_ranks(const double *scores, size_t count, double ties, size_t *ranks);

/* The same from given ranks (1 is best, ties share, 0: none), which need not be without
 * gaps; ranks[i] is 0 where none was given. */
void tw_ranks_of_given(const size_t *given, size_t count, double ties, size_t *ranks);

#endif
