#ifndef TW_TRAIN_PLAN_H
#define TW_TRAIN_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "model/model.h"
#include "tensor/tensor.h"

/* Memory is planned before it is used. */

/* Bytes that could be used now without swapping (MemAvailable of Linux); SIZE_MAX where
 * that is not known. */
size_t tw_memory_available(void);

/* What will be taken, part by part. */
typedef struct tw_plan {
    char text[512]; /* "memory: 2098 MB of mapped weights, 4.30 MB of gradients" */
    size_t bytes;
} tw_plan;

/* Adds a part, unless it is of 0 bytes. */
void tw_plan_add(tw_plan *plan, size_t bytes, const char *what);

/* Adds the total to the text; fails, with the text, when that exceeds `available` bytes. */
int tw_plan_check(tw_plan *plan, size_t available);

/* The same for a described model in use without training: with up to `cached` tokens of keys and
 * values, and `rows` computed at a time. */
int tw_plan_use(const tw_model *model, size_t cached, size_t rows, size_t available, tw_plan *plan);

/* Puts into text what training of params will hold beside activations: values,
 * gradients, two moments and, if it keeps them, the best values. Fails when what is not
 * yet in use of it exceeds `available` bytes. */
int tw_plan_memory(const tw_params *params, bool keeps_best, size_t available, char *text,
                   size_t size);

#endif
