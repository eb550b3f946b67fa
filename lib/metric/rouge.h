#ifndef TW_METRIC_ROUGE_H
#define TW_METRIC_ROUGE_H

#include "metric/words.h"

/* ROUGE (C.-Y. Lin, 2004), equal to the Python package rouge_score 0.1.2.
 * Values are in 0..1; texts are words from tw_words_rouge of one lexicon. */

typedef struct tw_rouge_score {
    double precision, recall, f1;
} tw_rouge_score;

/* Scratch memory; one a thread. */
typedef struct tw_rouge tw_rouge;
tw_rouge *tw_rouge_new(void);
void tw_rouge_free(tw_rouge *rouge); /* accepts NULL */

/* ROUGE-N, n 1 or 2: clipped n-gram matches. */
tw_rouge_score tw_rouge_n(tw_rouge *rouge, const tw_words *reference, const tw_words *candidate,
                          int n);

/* ROUGE-L: the longest common subsequence of the whole texts. Fails (-1) where
 * the product of the lengths exceeds 2^38. */
int tw_rouge_l(tw_rouge *rouge, const tw_words *reference, const tw_words *candidate,
               tw_rouge_score *score);

/* ROUGE-Lsum: for each reference sentence the union of its longest common
 * subsequences with all candidate sentences (of several longest ones, the one
 * rouge_score finds), no candidate word counted twice. Fails where two
 * sentences' product of lengths exceeds 2^32. */
int tw_rouge_lsum(tw_rouge *rouge, const tw_words *reference, const tw_words *candidate,
                  tw_rouge_score *score);

#endif
