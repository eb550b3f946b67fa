#ifndef TW_MODEL_INITIAL_H
#define TW_MODEL_INITIAL_H

#include <stddef.h>
#include <stdint.h>

#include "tensor/tensor.h"

/* Initial values of a parameter, for the architectures' initialise(). */

void tw_initial_constant(tw_tensor *tensor, float value);

/* Normal with mean 0; a function of (seed, index of the parameter, place in it) only. */
void tw_initial_normal(tw_tensor *tensor, size_t index, uint64_t seed, double deviation);

#endif
