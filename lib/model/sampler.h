#ifndef TW_MODEL_SAMPLER_H
#define TW_MODEL_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/option.h"
#include "model/row-parts.h"
#include "model/stops.h"

/* From logits to the next token. The order of the steps is that of transformers'
 * generate: repetition penalty, minimal length, temperature, top-k, top-p. */

typedef struct tw_sampling {
    bool greedy;               /* the likeliest token, the lowest id among equals */
    double temperature;        /* > 0 */
    int64_t top_k;             /* 0: off. Logits equal to the k-th stay in */
    double top_p;              /* 1: off. The fewest likeliest tokens that reach p stay in */
    double repetition_penalty; /* 1: off. Keskar et al. 2019: logits of tokens that occurred
                                  are divided by it when positive, else multiplied */
} tw_sampling;

/* greedy off, temperature 1, nothing truncated, no penalty. */
extern const tw_sampling tw_sampling_defaults;

typedef struct tw_draw {
    int32_t token; /* -1: the logits are not numbers */
    float logprob; /* natural log of its probability in the softmax of the logits as they
                      were given: no temperature, penalty or truncation */
} tw_draw;

/* clang-format off */
/* Options of a program that draws: what is kept of the distribution. See core/common.h. */
#define TW_SAMPLING_OPTIONS(sampling)                                                              \
    {"temperature", 0, TW_REAL, &(sampling).temperature, "T",                                      \
     "divides the logits", 0, 1e6, NULL, TW_OPTION_ABOVE_MIN},                                     \
    {"top-k", 0, TW_INT, &(sampling).top_k, "N",                                                   \
     "draw from the N likeliest tokens, 0 for all", 0, 1e9, NULL, 0},                              \
    {"top-p", 0, TW_REAL, &(sampling).top_p, "P",                                                  \
     "draw from the likeliest tokens that together reach probability P", 0, 1, NULL,               \
     TW_OPTION_ABOVE_MIN}
/* clang-format on */

/* Scratch of one thread; zero-initialise, free with tw_sampler_free. */
typedef struct tw_sampler {
    float *logits;  /* [room]: changed by penalty and forbidden tokens */
    float *found;   /* [room + 1]: logits, then weights, of the tokens that may be drawn */
    uint64_t *keys; /* [room + 1]: their ids */
    size_t room;
    tw_row_parts parts;
} tw_sampler;
void tw_sampler_free(tw_sampler *sampler);

/* Draws from logits[vocabulary] with one number uniform in [0, 1): tokens share that interval in
 * the order of their ids, with top_p < 1 in that of their probabilities, equals by id.
 * seen[seen_count] are the tokens before (read for the penalty only); those of `forbidden` (NULL:
 * none) cannot be drawn. -1 also for a row of which a number is not finite, save for -infinity.
 *
 * The bits depend on the row, the options and `uniform` alone. Weights are fp32; the mass of 512
 * tokens in line is summed as rows.h says, such masses one after another in double; within these
 * 512, and after top-k, weights are added in the order of ids in double; for top-p see nucleus.h.
 */
tw_draw tw_sample_token(tw_sampler *sampler, const tw_sampling *sampling, const float *logits,
                        size_t vocabulary, const int32_t *seen, size_t seen_count,
                        const tw_stops *forbidden, double uniform);

#endif
