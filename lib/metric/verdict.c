#include "metric/verdict.h"

#include <math.h>
#include <stdbool.h>

#include "core/math.h"

/* A right label earns more than a wrong one costs. */
#define RIGHT 200.0
#define WRONG 180.0

double tw_class_gap(const float *logits, size_t classes, size_t label)
{
    double sum = 0, most = -INFINITY, rival = -INFINITY;
    for (size_t c = 0; c < classes; c++) {
        if (!isfinite(logits[c]))
            return NAN;
        most = fmax(most, (double)logits[c]);
        if (c != label)
            rival = fmax(rival, (double)logits[c]);
    }
    for (size_t c = 0; c < classes; c++)
        sum += tw_exp((double)logits[c] - most);
    return (tw_exp((double)logits[label] - most) - tw_exp(rival - most)) / sum;
}

tw_verdict tw_verdict_of(const double *gaps, size_t count)
{
    tw_verdict sum = {0};
    for (size_t i = 0; i < count; i++) {
        const bool right = gaps[i] > 0;
        sum.quality += gaps[i] * (right ? RIGHT : WRONG);
        sum.accuracy += right ? 100 : 0;
        sum.gap += gaps[i];
    }
    return (tw_verdict){sum.quality / (double)count, sum.accuracy / (double)count,
                        sum.gap / (double)count};
}
