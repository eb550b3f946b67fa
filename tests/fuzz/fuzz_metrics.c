/* Any two texts (the halves around the first 0xFF) through all metrics: shares
 * stay within 0..100, and a text with words equals itself. */
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
    const double rouge1 = values[TW_ROUGE1];
    if (tw_judge_text(judge, text, length, values) != 0)
        return 0;
    check(values[TW_ROUGE1] == 100 || rouge1 == 0, "a text with words is not itself", TW_ROUGE1);
    check(values[TW_ROUGE1] == values[TW_ROUGEL], "a text is not its own subsequence", TW_ROUGEL);
    check(values[TW_ROUGE1] == values[TW_ROUGELSUM], "nor are its sentences", TW_ROUGELSUM);
    return 0;
}
