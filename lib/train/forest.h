#ifndef TW_TRAIN_FOREST_H
#define TW_TRAIN_FOREST_H

#include <stddef.h>
#include <stdint.h>

#include "model/model.h"
#include "tensor/segment.h"
#include "tensor/tape.h"

/* A batch of prompts and completions with what each row is to predict. The rows of a
 * prompt are computed once for all of its completions. */

typedef struct tw_forest {
    tw_batch batch;
    /* Targets: rows[i] of the hidden states predicts ids[i]. */
    uint32_t *rows;
    int32_t *ids;
    float *nll_weight, *entropy_weight; /* of the loss; zero until set */
    float *nll, *entropy;               /* nats, filled by tw_forest_loss */
    size_t count, capacity;
} tw_forest;

void tw_forest_clear(tw_forest *forest);
void tw_forest_free(tw_forest *forest);

/* Appends a prompt (length >= 1) as `model` reads it; returns its segment. */
size_t tw_forest_prompt(tw_forest *forest, const tw_model *model, const int32_t *ids,
                        size_t length);

/* Appends targets for the prompt's own tokens from its second on; returns how many. None
 * where an encoder reads them. */
size_t tw_forest_prompt_targets(tw_forest *forest, size_t segment);

/* Appends a completion of a prompt, with a target for each of its tokens: the first is
 * predicted by the prompt's last row, and its last token is not computed, for nothing is
 * predicted from it. Returns the index of its first target. */
size_t tw_forest_completion(tw_forest *forest, size_t segment, const int32_t *ids, size_t length);

/* Forward pass and cross-entropy of all targets: sum of nll_weight nll + entropy_weight
 * entropy. With a recording tape the gradients of the parameters are accumulated; the tape
 * is reset in any case. */
double tw_forest_loss(tw_forest *forest, const tw_model *model, tw_tape *tape);

#endif
