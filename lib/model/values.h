#ifndef TW_MODEL_VALUES_H
#define TW_MODEL_VALUES_H

#include <stdbool.h>

#include "model/model.h"

/* Gives every parameter its values from stored[params.count], whose shapes and types have been
 * checked (array NULL: zeros). Frozen ones stay where they lie in the map if they are fp32 or,
 * where the architecture says `packed`, matrices in bf16; the rest is copied as fp32. *viewed: the
 * map is in use. Fails on NaN and infinity. */
int tw_values_take(tw_model *model, const tw_stored *stored, bool trainable, bool *viewed);

#endif
