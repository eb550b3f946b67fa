#ifndef TW_MODEL_STOPS_H
#define TW_MODEL_STOPS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The tokens that end a generation: one as a rule, several where a model may end a turn or a
 * whole text (Llama 3: [128001, 128008, 128009]). */

enum { TW_MAX_STOPS = 16 };

typedef struct tw_stops {
    int32_t ids[TW_MAX_STOPS]; /* no two alike */
    size_t count;
} tw_stops;

bool tw_stops_has(const tw_stops *stops, int32_t id);

/* Adds an id that is not there yet; -1 is none. Fails when there are too many. */
int tw_stops_add(tw_stops *stops, int32_t id);

/* Adds those of an eos_token_id: an id, a list of ids, null or nothing. Ids outside the
 * vocabulary never occur and are passed over. Fails on anything else. */
int tw_stops_read(tw_stops *stops, const json_t *field, size_t vocab_size);

/* As an eos_token_id: NULL for none, an id, or a list that `first` begins. */
json_t *tw_stops_json(const tw_stops *stops, int32_t first);

#endif
