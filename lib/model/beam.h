#ifndef TW_MODEL_BEAM_H
#define TW_MODEL_BEAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/stops.h"
#include "tensor/segment.h"

/* Beam search for one prompt, as transformers' generate defines it (4.46: BeamSearchScorer,
 * BeamHypotheses). N beams grow by a token at a time. Of all continuations of all beams the 2N
 * likeliest are looked at, best first (for S > 1 tokens that end a generation, (1 + S) N): one
 * that ends a generation becomes a hypothesis if it is among the first N, the first N others
 * are the next beams. The N best hypotheses are kept, by
 *
 *     score = sum of log-probabilities / tokens generated ^ length_penalty.
 *
 * At the limit of tokens the beams become hypotheses too. Of two continuations with equal
 * sums the one of the better beam goes first, then the one with the lower id (torch.topk, which
 * transformers asks, leaves that open).
 *
 * This is the search alone: whoever runs the model gives logits and moves what it caches. */

typedef enum tw_early_stopping { /* once there are N hypotheses, the search ends when */
                                 TW_STOP_LIKELY,  /* false: the best beam, were it to end now, would
                                                     not beat the worst */
                                 TW_STOP_EARLY,   /* true: at once */
                                 TW_STOP_CERTAIN, /* never: no beam can beat the worst, however long
                                                     it gets */
} tw_early_stopping;

typedef struct tw_beam_options {
    size_t beams; /* N >= 2; 0: no beam search */
    double length_penalty;
    tw_early_stopping early_stopping;
} tw_beam_options;

/* What a search is about; pointers must stay until it is freed. */
typedef struct tw_beam_task {
    tw_beam_options options;
    const int32_t *prompt; /* [prompt_length] */
    size_t prompt_length;
    const tw_stops *stops;
    size_t pieces;             /* ids below can be chosen */
    size_t limit;              /* tokens of a generation, >= 1 */
    size_t min_new_tokens;     /* no stop before */
    double repetition_penalty; /* of log-probabilities of what prompt or beam hold: they are
                                  multiplied by it; 1: off */
} tw_beam_task;

typedef struct tw_hypothesis {
    int32_t *tokens; /* [count], what ended it included */
    float *logprobs; /* [count], by the softmax of the logits alone */
    size_t count;
    bool stopped;
    double score;
} tw_hypothesis;

typedef struct tw_beams tw_beams;

/* Fails when the vocabulary is too small for so many beams. */
int tw_beams_check(const tw_beam_options *options, const tw_stops *stops, size_t pieces);

/* The caller frees. */
tw_beams *tw_beams_new(const tw_beam_task *task);
void tw_beams_free(tw_beams *beams); /* accepts NULL */

/* How many beams there are: one, of no tokens, before the first choice, then N. */
size_t tw_beams_live(const tw_beams *beams);

/* The last token of a beam that has one. */
int32_t tw_beams_last(const tw_beams *beams, size_t beam);

/* Looks at the continuations of a beam, which logits[vocab_size] tell. Different beams of a
 * search may be looked at by different threads. -1, without a message, if they are not numbers. */
int tw_beams_look(tw_beams *beams, size_t beam, const float *logits, size_t vocab_size);

/* Once all beams were looked at: the next beams; beam i continues what was origin[i] ([N]).
 * False, and origin of no meaning, when the search has ended. */
bool tw_beams_choose(tw_beams *beams, size_t *origin);

/* The k-th best hypothesis, k < N, of a search that has ended. Among equal scores the later
 * one goes first. Borrowed. */
const tw_hypothesis *tw_beams_best(const tw_beams *beams, size_t k);

/* Makes slots follow a choice: slots[i] is to hold what slots[origin[i]] holds, for i < count.
 * Slots change places and are copied where two beams continue one; each has room for what any
 * of them holds, and the same parent. */
void tw_beams_reorder(tw_cache *cache, size_t *slots, const size_t *origin, size_t count);

#endif
