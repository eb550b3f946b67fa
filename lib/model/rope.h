#ifndef TW_MODEL_ROPE_H
#define TW_MODEL_ROPE_H

#include <jansson.h>
#include <stddef.h>

/* Rotary positions as a config.json describes them. */

typedef struct tw_rope_config {
    double theta;
    double factor; /* by which frequencies are divided, 1: none */
    /* Llama 3: only wavelengths above context / low are, those below context / high are not,
     * in between it is a blend. context 0: all wavelengths alike. */
    double low, high, context;
} tw_rope_config;

/* Reads rope_theta and rope_scaling (types default, linear, llama3), or rope_parameters, which
 * holds both. -1, with a message that begins with the field's name, on anything else. Missing:
 * theta as it was in *rope, no scaling. */
int tw_rope_configure(const json_t *json, tw_rope_config *rope);

/* frequencies[head_size / 2], radians a position. */
void tw_rope_frequencies(const tw_rope_config *rope, size_t head_size, float *frequencies);

#endif
