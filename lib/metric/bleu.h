#ifndef TW_METRIC_BLEU_H
#define TW_METRIC_BLEU_H

#include "metric/ngrams.h"
#include "metric/words.h"

/* BLEU (K. Papineni et al., 2002) as the Python package sacrebleu 2 computes it
 * by default: tokenizer 13a (mteval-v13a), case kept, one reference, n-grams up
 * to 4, precisions without a match smoothed exponentially ("exp", method 3 of B.
 * Chen and C. Cherry, 2014). */

/* The words of tokenizer 13a. */
void tw_words_bleu(tw_words *words, tw_lexicon *lexicon, const char *text, size_t length);

/* What a BLEU is made of; those of a corpus are the sums over its sentences. */
enum {
    TW_BLEU_ORDERS = 4,
    TW_BLEU_MATCHES = 0,                                 /* [orders] n-grams that match ... */
    TW_BLEU_TOTALS = TW_BLEU_MATCHES + TW_BLEU_ORDERS,   /* [orders] ... of the candidate's */
    TW_BLEU_REFERENCE = TW_BLEU_TOTALS + TW_BLEU_ORDERS, /* words of the reference */
    TW_BLEU_COUNTS
};

/* counts[TW_BLEU_COUNTS] of two texts cut by tw_words_bleu with one lexicon. */
void tw_bleu_count(tw_ngrams *scratch, const tw_words *reference, const tw_words *candidate,
                   double *counts);

/* 0 to 100. A sentence's takes only the orders that the candidate has n-grams
 * of ("effective order"); a corpus's takes all four. */
double tw_bleu_sentence(const double *counts);
double tw_bleu_corpus(const double *counts);

#endif
