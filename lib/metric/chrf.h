#ifndef TW_METRIC_CHRF_H
#define TW_METRIC_CHRF_H

#include "metric/ngrams.h"
#include "metric/words.h"

/* chrF2 (M. Popović, 2015) as the Python package sacrebleu 2 computes it by
 * default: character n-grams up to 6, beta 2, case kept, white space left out,
 * precision and recall averaged over the orders that both texts have. */

/* The characters of a text as ids of themselves, without white space. */
void tw_words_chrf(tw_words *words, const char *text, size_t length);

/* What a chrF is made of; those of a corpus are the sums over its sentences. */
enum {
    TW_CHRF_ORDERS = 6,
    TW_CHRF_MATCHES = 0,                              /* [orders] n-grams that match */
    TW_CHRF_GIVEN = TW_CHRF_MATCHES + TW_CHRF_ORDERS, /* [orders] the candidate's, 0 of an order
                                                         that the reference does not have */
    TW_CHRF_WANTED = TW_CHRF_GIVEN + TW_CHRF_ORDERS,  /* [orders] the reference's */
    TW_CHRF_COUNTS = TW_CHRF_WANTED + TW_CHRF_ORDERS
};

/* counts[TW_CHRF_COUNTS] of two texts cut by tw_words_chrf. */
void tw_chrf_count(tw_ngrams *scratch, const tw_words *reference, const tw_words *candidate,
                   double *counts);

/* 0 to 100, of a sentence or a corpus. */
double tw_chrf(const double *counts);

#endif
