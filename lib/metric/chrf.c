#include "metric/chrf.h"

#include "metric/unicode.h"

void tw_words_chrf(tw_words *words, const char *text, size_t length)
{
    const char *end = text + length;
    tw_words_clear(words);
    for (const char *at = text; at < end;) {
        const uint32_t character = tw_utf8_next(&at, end);
        if (tw_kind_of(character) != TW_SPACE)
            tw_words_add(words, (int32_t)character);
    }
}

void tw_chrf_count(tw_ngrams *scratch, const tw_words *reference, const tw_words *candidate,
                   double *counts)
{
    size_t matches[TW_CHRF_ORDERS];
    tw_ngram_matches(scratch, reference->ids, reference->count, candidate->ids, candidate->count,
                     TW_CHRF_ORDERS, matches);
    for (int i = 0; i < TW_CHRF_ORDERS; i++) {
        const size_t wanted = tw_ngram_count(reference->count, i + 1);
        const size_t given = wanted ? tw_ngram_count(candidate->count, i + 1) : 0;
        counts[TW_CHRF_MATCHES + i] = (double)matches[i];
        counts[TW_CHRF_GIVEN + i] = (double)given;
        counts[TW_CHRF_WANTED + i] = (double)wanted;
    }
}

double tw_chrf(const double *counts)
{
    const double factor = 4; /* beta^2 */
    double precision = 0, recall = 0;
    int orders = 0;
    for (int i = 0; i < TW_CHRF_ORDERS; i++) {
        const double given = counts[TW_CHRF_GIVEN + i], wanted = counts[TW_CHRF_WANTED + i];
        if (given == 0 || wanted == 0)
            continue;
        precision += counts[TW_CHRF_MATCHES + i] / given;
        recall += counts[TW_CHRF_MATCHES + i] / wanted;
        orders++;
    }
    if (precision + recall == 0)
        return 0;
    precision /= orders;
    recall /= orders;
    return 100 * (1 + factor) * precision * recall / (factor * precision + recall);
}
