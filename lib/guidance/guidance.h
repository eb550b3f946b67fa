#ifndef TW_GUIDANCE_GUIDANCE_H
#define TW_GUIDANCE_GUIDANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guidance/aggregate.h"
#include "guidance/bound.h"
#include "guidance/head.h"
#include "model/model.h"

/* A guidance model: a pretrained backbone and a reward head (METHOD.md, "Guidance
 * model"). On disk: a model folder whose model.safetensors also holds head.*, and
 * guidance.json {"aggregate", "temperature", "bound", "head_size"}. */

typedef struct tw_guidance_settings {
    tw_aggregate aggregate;
    tw_bound_kind bound;
    size_t head_size;
} tw_guidance_settings;

/* average, temperature 2, softplus, 2048. */
extern const tw_guidance_settings tw_guidance_defaults;

typedef struct tw_guidance {
    tw_model *model; /* its params hold the head too */
    tw_head head;
    tw_guidance_settings settings;
    bool fresh;    /* the head is initialised, not read ... */
    uint64_t seed; /* ... from this */
} tw_guidance;

/* True if the folder holds a guidance.json. */
bool tw_guidance_is(const char *folder);

/* Opens a guidance folder; NULL on failure, a plain model folder included. */
tw_guidance *tw_guidance_open(const char *folder, tw_use use);

/* Fails, naming the guidance's folder, when it cannot reward what the policy writes: another
 * tokenizer, a shorter context, or one of the two alone has an encoder. */
int tw_guidance_check_policy(const tw_guidance *guidance, const tw_model *policy);

/* Opens a plain model folder and puts a fresh head on it, trainable. */
tw_guidance *tw_guidance_start(const char *folder, const tw_guidance_settings *settings,
                               uint64_t seed);

/* The same two in steps, for what is to be known before memory is taken (tw_model_describe): a
 * guidance folder, or a plain one with a fresh head, without weights; then these. After a failure
 * to load it is only to be freed. */
tw_guidance *tw_guidance_describe(const char *folder);
tw_guidance *tw_guidance_draft(const char *folder, const tw_guidance_settings *settings,
                               uint64_t seed);
int tw_guidance_load(tw_guidance *guidance, tw_use use);

/* What the head makes of a token's state, bytes (tw_model_activation_bytes). */
size_t tw_guidance_target_bytes(const tw_guidance *guidance);

/* Writes the whole into an existing folder (see core/folder.h). */
int tw_guidance_save(const tw_guidance *guidance, const char *folder);

void tw_guidance_free(tw_guidance *guidance); /* accepts NULL */

/* One reward for each row of every segment that has a parent, in row order: [those
 * rows, 1]. A row's reward is read at the position that consumed its token. With a
 * recording tape gradients flow into head and backbone. */
tw_tensor *tw_guidance_rewards(const tw_guidance *guidance, tw_tape *tape, const tw_batch *batch);

/* For use, not training: rewards of count generations (ids[k], lengths[k]) of one prompt,
 * end to end into rewards[sum of lengths]. tape must not record; it is reset. */
typedef struct tw_guided {
    const int32_t *ids;
    size_t length;
} tw_guided;
void tw_guidance_of(const tw_guidance *guidance, tw_tape *tape, const int32_t *prompt,
                    size_t prompt_length, const tw_guided *generations, size_t count,
                    float *rewards);

#endif
