#include "model/decode-beams.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "model/prompt.h"

tw_beams *tw_decode_beams(const tw_model *model, const tw_decode_options *options,
                          const tw_request *request, size_t limit)
{
    if (!options->beam.beams)
        return NULL;
    tw_beam_task task = {.options = options->beam,
                         .prompt = tw_model_prompt_ids(model, request->prompt),
                         .prompt_length = tw_model_prompt_rows(model, request->length),
                         .stops = &model->config.stops,
                         .pieces = (size_t)tw_tokenizer_size(model->tokenizer),
                         .limit = limit,
                         .min_new_tokens = options->min_new_tokens,
                         .repetition_penalty = options->sampling.repetition_penalty};
    return tw_beams_new(&task);
}

static void take(const tw_hypothesis *best, tw_sample *sample)
{
    memcpy(sample->tokens, best->tokens, best->count * sizeof *best->tokens);
    memcpy(sample->logprobs, best->logprobs, best->count * sizeof *best->logprobs);
    sample->count = best->count;
    sample->stopped = best->stopped;
    sample->beam_score = best->score;
}

bool tw_decode_choose(tw_beams *beams, size_t count, tw_cache *cache, size_t *slots,
                      tw_request *request)
{
    size_t *origin = tw_alloc(count, sizeof *origin);
    bool goes_on = tw_beams_choose(beams, origin);
    if (goes_on)
        tw_beams_reorder(cache, slots, origin, count);
    for (size_t k = 0; k < request->count && !goes_on; k++)
        take(tw_beams_best(beams, k), &request->samples[k]);
    free(origin);
    return goes_on;
}
