#include "metric/bleu.h"

#include <math.h>

#include "core/math.h"

void tw_bleu_count(tw_ngrams *scratch, const tw_words *reference, const tw_words *candidate,
                   double *counts)
{
    size_t matches[TW_BLEU_ORDERS];
    tw_ngram_matches(scratch, reference->ids, reference->count, candidate->ids, candidate->count,
                     TW_BLEU_ORDERS, matches);
    for (int i = 0; i < TW_BLEU_ORDERS; i++) {
        counts[TW_BLEU_MATCHES + i] = (double)matches[i];
        counts[TW_BLEU_TOTALS + i] = (double)tw_ngram_count(candidate->count, i + 1);
    }
    counts[TW_BLEU_REFERENCE] = (double)reference->count;
}

/* The mean logarithm of the precisions, in percent. `effective`: of those that
 * there are; else one that is not there makes all nothing. */
static double mean_logarithm(const double *counts, bool effective)
{
    double sum = 0, smooth = 1;
    int order = 0;
    for (; order < TW_BLEU_ORDERS && counts[TW_BLEU_TOTALS + order] > 0; order++) {
        double matches = counts[TW_BLEU_MATCHES + order];
        if (matches == 0) {
            smooth *= 2;
            matches = 1 / smooth;
        }
        sum += tw_log(100 * matches / counts[TW_BLEU_TOTALS + order]);
    }
    if (order < TW_BLEU_ORDERS && !effective)
        return -INFINITY;
    return sum / order;
}

static double value(const double *counts, bool effective)
{
    if (counts[TW_BLEU_MATCHES] == 0)
        return 0; /* no word matches, so nothing does */
    const double given = counts[TW_BLEU_TOTALS], wanted = counts[TW_BLEU_REFERENCE];
    const double brevity = given < wanted ? 1 - wanted / given : 0;
    return tw_exp(brevity + mean_logarithm(counts, effective));
}

double tw_bleu_sentence(const double *counts)
{
    return value(counts, true);
}

double tw_bleu_corpus(const double *counts)
{
    return value(counts, false);
}
