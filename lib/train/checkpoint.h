#ifndef TW_TRAIN_CHECKPOINT_H
#define TW_TRAIN_CHECKPOINT_H

#include <jansson.h>
#include <stdbool.h>

#include "tensor/tensor.h"
#include "train/adam.h"

/* Checkpoints: a folder, written whole and renamed into place, of
 *   weights.safetensors  the parameters as they stand
 *   best.safetensors     those of the best validation so far (once there is one)
 *   adam.safetensors     `m.NAME` and `v.NAME` of every parameter
 *   state.json           {"checkpoint": 1, "step", "digest", ...}: see train/loop.c
 * There is no other state: random numbers are functions of the step. */

typedef struct tw_checkpoint {
    tw_params *params;
    tw_adam *adam;
    float *best; /* [params->size]; written when has_best */
    bool has_best;
    json_t *state; /* save: borrowed; load: the caller's to json_decref */
} tw_checkpoint;

/* True if there is a checkpoint at path. */
bool tw_checkpoint_exists(const char *path);

/* Writes it whole beside path, then renames it into place; an older one is replaced. */
int tw_checkpoint_save(const char *path, const tw_checkpoint *checkpoint);

/* The state.json alone, to be judged before anything is replaced; NULL on failure. */
json_t *tw_checkpoint_state(const char *path);

/* Fills params->x, adam->m and v, best (unless NULL) and has_best; fails, naming file and tensor,
 * on anything that does not fit params exactly. */
int tw_checkpoint_load(const char *path, tw_checkpoint *checkpoint);

/* Removes the folder's files and the folder; nothing else in it is touched, then the
 * removal fails. A folder that is not there is a success. */
int tw_checkpoint_remove(const char *path);

#endif
