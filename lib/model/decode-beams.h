#ifndef TW_MODEL_DECODE_BEAMS_H
#define TW_MODEL_DECODE_BEAMS_H

#include "model/decode.h"

/* Between decode.c, which runs the model over what is under way, and the search of beam.c. */

/* The search for a request, generations of at most `limit` tokens; NULL where samples are drawn.
 * The caller frees it. */
tw_beams *tw_decode_beams(const tw_model *model, const tw_decode_options *options,
                          const tw_request *request, size_t limit);

/* Once all beams were looked at: the next ones, the slots[N] of the beams in the cache going
 * along. False when the search has ended; the request then has its samples. */
bool tw_decode_choose(tw_beams *beams, size_t count, tw_cache *cache, size_t *slots,
                      tw_request *request);

#endif
