#ifndef TW_METRIC_VERDICT_H
#define TW_METRIC_VERDICT_H

#include <stddef.h>

/* How well a prompt makes a classifier label texts (METHOD.md, Task B; the reward of Deng et
 * al. 2022, RLPrompt). */

typedef struct tw_verdict {
    double quality;  /* mean of gap * (200 if gap > 0 else 180) */
    double accuracy; /* 0..100: texts whose gap is above 0 */
    double gap;      /* -1..1: mean of the gaps */
} tw_verdict;

/* p(label) less the largest p of another class, p being the softmax of logits[classes], two at
 * least. In -1..1; not a number when a logit is not finite. */
double tw_class_gap(const float *logits, size_t classes, size_t label);

/* Of the gaps[count >= 1] of all texts. */
tw_verdict tw_verdict_of(const double *gaps, size_t count);

#endif
