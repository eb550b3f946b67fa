#ifndef TW_METRIC_METEOR_H
#define TW_METRIC_METEOR_H

#include "metric/words.h"

/* METEOR (A. Lavie, A. Agarwal, 2007) as NLTK's meteor_score computes it:
 * - matching in three stages, each on what the one before left: equal words,
 *   equal Porter stems, and a stem whose WordNet synonyms hold the reference's
 *   stem (the third stage sees stems, as NLTK's does). In each stage the
 *   candidate's words choose from the last to the first, each the last free
 *   reference word that fits;
 * - chunks: runs of matches adjacent and in order in both texts;
 * - F = P R / (alpha P + (1 - alpha) R), score = F (1 - gamma (chunks/matches)^beta),
 *   alpha 0.9, beta 3, gamma 0.5. */

/* Scratch memory; one a thread. */
typedef struct tw_meteor tw_meteor;
tw_meteor *tw_meteor_new(void);
void tw_meteor_free(tw_meteor *meteor); /* accepts NULL */

/* The score in 0..1 of two texts cut by tw_words_meteor with this lexicon; 0
 * where one is empty. Synonyms count if the lexicon has a WordNet. */
double tw_meteor_score(tw_meteor *meteor, tw_lexicon *lexicon, const tw_words *reference,
                       const tw_words *candidate);

#endif
