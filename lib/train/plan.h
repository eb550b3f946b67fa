#ifndef TW_TRAIN_PLAN_H
#define TW_TRAIN_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "tensor/tensor.h"

/* Memory is planned before it is used. */

/* Bytes that could be used now without swapping (MemAvailable of Linux); SIZE_MAX where
 * that is not known. */
size_t tw_memory_available(void);

/* Puts into text what training of params will hold beside activations: values,
 * gradients, two moments and, if it keeps them, the best values. Fails when what is not
 * yet in use of it exceeds `available` bytes. */
int tw_plan_memory(const tw_params *params, bool keeps_best, size_t available, char *text,
                   size_t size);

#endif
