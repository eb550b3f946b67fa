#include "model/rope.h"

#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/math.h"
#include "model/config.h"

/* A positive number that must be there. */
static int read_needed(const json_t *json, const char *key, double *value)
{
    const json_t *field = json_object_get(json, key);
    if (!field || json_is_null(field))
        return tw_fail("%s: missing", key);
    return tw_config_real(json, key, false, value);
}

static int read_llama3(const json_t *json, tw_rope_config *rope)
{
    if (read_needed(json, "factor", &rope->factor) < 0 ||
        read_needed(json, "low_freq_factor", &rope->low) < 0 ||
        read_needed(json, "high_freq_factor", &rope->high) < 0 ||
        read_needed(json, "original_max_position_embeddings", &rope->context) < 0)
        return -1;
    if (rope->high <= rope->low)
        return tw_fail("high_freq_factor: expected more than low_freq_factor");
    return 0;
}

/* Every part of a head turns, or the model is another one. */
static int check_whole(const json_t *json)
{
    double part = 1;
    if (tw_config_real(json, "partial_rotary_factor", false, &part) < 0)
        return -1;
    return part == 1 ? 0 : tw_fail("partial_rotary_factor: %g is not supported (1 is)", part);
}

static int read_scaling(const json_t *json, tw_rope_config *rope)
{
    if (!json_is_object(json))
        return tw_fail("expected an object");
    const char *key = json_object_get(json, "rope_type") ? "rope_type" : "type";
    const char *type = json_string_value(json_object_get(json, key));
    if (!type)
        return tw_fail("rope_type: missing or not text");
    if (tw_config_real(json, "rope_theta", false, &rope->theta) < 0 || check_whole(json) < 0)
        return -1;
    if (strcmp(type, "default") == 0)
        return 0;
    if (strcmp(type, "linear") == 0)
        return read_needed(json, "factor", &rope->factor);
    if (strcmp(type, "llama3") == 0)
        return read_llama3(json, rope);
    return tw_fail("%s: %s is not supported (default, linear and llama3 are)", key, type);
}

int tw_rope_configure(const json_t *json, tw_rope_config *rope)
{
    static const char *const keys[] = {"rope_parameters", "rope_scaling"};
    *rope = (tw_rope_config){.theta = rope->theta, .factor = 1};
    if (tw_config_real(json, "rope_theta", false, &rope->theta) < 0 || check_whole(json) < 0)
        return -1;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *field = json_object_get(json, keys[i]);
        if (field && !json_is_null(field))
            return read_scaling(field, rope) < 0 ? tw_fail_in("%s", keys[i]) : 0;
    }
    return 0;
}

/* A frequency stretched as Llama 3's models are (transformers, modeling_rope_utils.py). */
static double stretch(const tw_rope_config *rope, double frequency)
{
    if (rope->context == 0)
        return frequency / rope->factor;
    double turns = rope->context * frequency / (2 * M_PI); /* in the original context */
    double blend = (turns - rope->low) / (rope->high - rope->low);
    blend = fmin(fmax(blend, 0), 1);
    return (1 - blend) * frequency / rope->factor + blend * frequency;
}

void tw_rope_frequencies(const tw_rope_config *rope, size_t head_size, float *frequencies)
{
    for (size_t i = 0; i < head_size / 2; i++) {
        double frequency = tw_pow(rope->theta, -2.0 * (double)i / (double)head_size);
        frequencies[i] = (float)stretch(rope, frequency);
    }
}
