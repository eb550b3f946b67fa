#ifndef TW_MODEL_DECODE_H
#define TW_MODEL_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/beam.h"
#include "model/model.h"
#include "model/sampler.h"

/* Decoding with a cache of keys and values. A prompt is computed once for all of its
 * samples; samples that are finished leave the batch and waiting requests enter.
 *
 * A sample depends on (model, prompt, seed, key, sample index) and the options only: not on
 * what is decoded beside it, nor on batch_tokens or threads (the bits of a row's products
 * are its own, kernels/product.h; each draw is keyed, tw_uniform). With a beam search
 * (beam.h) nothing is drawn: samples are its hypotheses, best first. */

typedef struct tw_decode_options {
    tw_sampling sampling; /* of a beam search the repetition penalty alone */
    tw_beam_options beam; /* beams 0: samples are drawn */
    uint64_t seed;
    size_t max_new_tokens; /* >= 1 */
    size_t min_new_tokens; /* what ends a generation is not drawn before */
    size_t batch_tokens;   /* prompts and generations in the cache at a time, at most (one
                              request may exceed it) */
} tw_decode_options;

/* Where positions have no limit a generation ends here. */
enum { TW_MAX_GENERATION = 1 << 16 };

/* Option of a program that decodes. */
#define TW_OPTION_MAX_NEW_TOKENS(value)                                                            \
    {                                                                                              \
        "max-new-tokens", 0, TW_INT, &(value), "N",                                                \
            "end a generation after N tokens; 0 for 128, or half the context if that is less", 0,  \
            1e9, NULL, 0                                                                           \
    }

/* What that option comes to for a model. Fails when it leaves no room for a prompt. Returns
 * the limit, 0 on failure. */
size_t tw_max_new_tokens(const tw_model *model, int64_t max_new_tokens);

typedef struct tw_sample {
    int32_t *tokens; /* the token that ended it at the end, if one did */
    float *logprobs; /* of each token, see tw_draw */
    size_t count;
    bool stopped;      /* by one of config.stops, not by a limit */
    double beam_score; /* of a beam search, see beam.h */
} tw_sample;

/* One prompt. The decoder never looks at `user`. */
typedef struct tw_request {
    const int32_t *prompt; /* [length], length >= 1; in a decoder below the model's
                              max_positions */
    size_t length;
    uint64_t key;       /* of the record, for the random numbers */
    tw_sample *samples; /* [count], filled by the decoder; their arrays are in one
                           allocation, freed by tw_request_clear */
    size_t count;       /* of a beam search at most the beams */
    void *user;
} tw_request;

void tw_request_clear(tw_request *request); /* samples, not the prompt */

typedef struct tw_decode_calls {
    /* The next request, at a place that stays until it is done; NULL when there is none
     * now (at the end, or because the caller wants others to be done first). */
    tw_request *(*next)(void *context);
    /* All samples of the request are there. -1 ends decoding with that failure. */
    int (*done)(void *context, tw_request *request);
    void *context;
} tw_decode_calls;

/* Runs until next gives NULL and nothing is under way. 0, or -1 from done, or when the
 * model's logits are not numbers, or its vocabulary is too small for the beams. */
int tw_decode(const tw_model *model, const tw_decode_options *options,
              const tw_decode_calls *calls);

#endif
