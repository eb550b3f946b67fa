#ifndef TW_MODEL_WEIGHTS_H
#define TW_MODEL_WEIGHTS_H

#include <stdbool.h>

#include "model/model.h"

/* Fills the declared parameters of model from the weight files in folder
 * (shards.h). Those
 * from index own_count on are extra ones: if the file has none of them they stay
 * zero and *found is false. What stays in the map (values.h) keeps it
 * open. Shapes are checked before memory is taken. */
int tw_weights_load(tw_model *model, const char *folder, tw_use use, size_t own_count, bool *found);

/* All parameters, under their declared names, into a file of that path; `tied`, unless NULL, also
 * under a second name. */
int tw_weights_write(const tw_params *params, const tw_tensor *tied, const char *tied_name,
                     const char *path);

#endif
