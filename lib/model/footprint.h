#ifndef TW_MODEL_FOOTPRINT_H
#define TW_MODEL_FOOTPRINT_H

#include "model/model.h"

/* What a described model will take, before any of it is taken. Bytes. */

typedef struct tw_footprint {
    size_t mapped;    /* weights that stay in the files' map */
    size_t values;    /* weights in memory, an adapter's included */
    size_t gradients; /* of what is trained; an optimizer's moments are as large each */
} tw_footprint;

/* Reads the headers of the weight files. Fails as opening them does. */
int tw_model_footprint(const tw_model *model, tw_use use, tw_footprint *footprint);

/* An estimate of the activations of a row (a token): with `recording`, those of all layers and
 * their gradients, otherwise one layer's. */
size_t tw_model_row_bytes(const tw_model *model, bool recording);

/* The logits that are held at a time, with their rows in chunks (tw_cross_entropy). */
size_t tw_model_logit_bytes(const tw_model *model);

/* Keys and values of a token. */
size_t tw_model_cache_bytes(const tw_model *model);

#endif
