/* Any two texts (the halves around the first 0xFF) through all metrics: shares
 * stay within 0..100, and a text with words equals itself; BLEU and chrF by the
 * counts they come from. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metric/judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds, const char *what, tw_metric metric)
{
    if (holds)
        return;
    fprintf(stderr, "%s: %s\n", tw_metric_names[metric], what);
    abort();
}

/* Of what the judge saw last: no more matches than there are n-grams, and a
 * corpus of one sentence is that sentence. */
static void check_counts(const tw_judge *judge, const double *values)
{
    const double *bleu = tw_judge_counts(judge) + TW_COUNTS_BLEU;
    const double *chrf = tw_judge_counts(judge) + TW_COUNTS_CHRF;
    for (int i = 0; i < TW_BLEU_ORDERS; i++)
        check(bleu[TW_BLEU_MATCHES + i] <= bleu[TW_BLEU_TOTALS + i], "too many matches", TW_BLEU);
    for (int i = 0; i < TW_CHRF_ORDERS; i++)
        check(chrf[TW_CHRF_MATCHES + i] <= chrf[TW_CHRF_GIVEN + i] &&
                  chrf[TW_CHRF_MATCHES + i] <= chrf[TW_CHRF_WANTED + i],
              "too many matches", TW_CHRF);
    check(tw_chrf(chrf) == values[TW_CHRF], "not its corpus's", TW_CHRF);
    check(tw_bleu_corpus(bleu) ==
              (bleu[TW_BLEU_TOTALS + TW_BLEU_ORDERS - 1] > 0 ? values[TW_BLEU] : 0),
          "not its corpus's", TW_BLEU);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static tw_judge *judge;
    double values[TW_METRICS];
    const uint8_t *middle = size ? memchr(data, 0xFF, size) : NULL;
    const char *text = (const char *)data, *other = middle ? (const char *)middle + 1 : text;
    const size_t length = middle ? (size_t)(middle - data) : size;
    const size_t rest = size - (size_t)(other - text);
    if (!judge)
        judge = tw_judge_new(TW_METRIC_BIT(TW_METRICS) - 1, true, NULL);
    tw_judge_reference(judge, text, length);
    if (tw_judge_text(judge, other, rest, values) != 0)
        return 0;
    for (int m = 0; m < TW_METRICS; m++)
        if (m != TW_LENGTH)
            check(values[m] >= 0 && values[m] <= 100 + 1e-9, "out of range", (tw_metric)m);
    check_counts(judge, values);
    const double rouge1 = values[TW_ROUGE1];
    if (tw_judge_text(judge, text, length, values) != 0)
        return 0;
    check(values[TW_ROUGE1] == 100 || rouge1 == 0, "a text with words is not itself", TW_ROUGE1);
    /* By an exponential, so not always exactly 100. */
    check(values[TW_BLEU] > 100 - 1e-9 || values[TW_BLEU] == 0, "not itself", TW_BLEU);
    check(values[TW_CHRF] > 100 - 1e-9 || rouge1 == 0, "not itself", TW_CHRF);
    check(values[TW_ROUGE1] == values[TW_ROUGEL], "a text is not its own subsequence", TW_ROUGEL);
    check(values[TW_ROUGE1] == values[TW_ROUGELSUM], "nor are its sentences", TW_ROUGELSUM);
    return 0;
}
