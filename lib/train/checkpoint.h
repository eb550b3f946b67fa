#ifndef TW_TRAIN_CHECKPOINT_H
#define TW_TRAIN_CHECKPOINT_H

#include <jansson.h>
#include <stdbool.h>

#include "tensor/tensor.h"
#include "train/adam.h"

/* Checkpoints: a folder, written whole and renamed into place (core/folder.h), of
 *   weights.safetensors  the parameters as they stand
 *   best.safetensors     those of the best validation so far (once there is one)
 *   adam.safetensors     `m.NAME` and `v.NAME` of every parameter
 *   state.json           {"checkpoint": 2, "step", "digest", ...}: see train/run.h
 * There is no other state: random numbers are functions of the step.
 *
 * state.json has checksums, XXH3-128 (core/hash.h): "checksums" of the other files, by name, and
 * "checksum" of itself: of its compact text with sorted keys, without that field. */

typedef struct tw_checkpoint {
    tw_params *params;
    tw_adam *adam;
    float *best; /* [params->size]; written when has_best */
    bool has_best;
    json_t *state; /* borrowed; save: without checksums; load: from tw_checkpoint_state */
} tw_checkpoint;

/* True if there is a checkpoint at path. */
bool tw_checkpoint_exists(const char *path);

/* Writes it whole beside path, then renames it into place; an older one is replaced. */
int tw_checkpoint_save(const char *path, const tw_checkpoint *checkpoint);

/* The state.json alone, to be judged before anything is replaced; NULL on failure, also when its
 * checksum shows that it was changed. The caller releases it. */
json_t *tw_checkpoint_state(const char *path);

/* Fills params->x, adam->m and v, best (unless NULL) and has_best; fails, naming the file, on one
 * whose checksum is not that of `state`, and naming file and tensor on anything that does not fit
 * params exactly. */
int tw_checkpoint_load(const char *path, tw_checkpoint *checkpoint);

/* Removes the checkpoint, whole; nothing at path is a success. A folder that holds other files too
 * is left as it is: a failure. */
int tw_checkpoint_remove(const char *path);

#endif
