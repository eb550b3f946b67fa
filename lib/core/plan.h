#ifndef TW_CORE_PLAN_H
#define TW_CORE_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "core/available.h"

/* Memory is planned before it is used: what a program is going to take, part by part and model by
 * model, told in one form and held against what is available. What a part comes to is said by those
 * who take it (model/footprint.h, model/use-plan.h, train/policy.h). All numbers are bytes. */

typedef enum tw_plan_part {
    TW_PLAN_MAPPED,      /* weights in the maps of their files, bf16 ones two bytes each */
    TW_PLAN_WEIGHTS,     /* weights in memory of the process's own, fp32 */
    TW_PLAN_ADAPTER,     /* weights of an adapter */
    TW_PLAN_GRADIENTS,   /* of the weights that are trained */
    TW_PLAN_MOMENTS,     /* the optimizer's */
    TW_PLAN_BEST,        /* the best weights so far */
    TW_PLAN_MERGE,       /* a copy of the weights, to merge an adapter into */
    TW_PLAN_ACTIVATIONS, /* of the largest batch, with their gradients in training */
    TW_PLAN_LOGITS,      /* of the rows that are held at a time */
    TW_PLAN_CACHE,       /* keys and values of tokens under way */
    TW_PLAN_CROSS,       /* keys and values of what an encoder read */
    TW_PLAN_SCRATCH,     /* of each thread */
    TW_PLAN_RECORDS,     /* what is kept of every record until all are read */
    TW_PLAN_PARTS
} tw_plan_part;

/* What one model takes. */
typedef struct tw_plan_share {
    const char *owner; /* "guidance", borrowed; NULL: the model that the program is about */
    size_t bytes[TW_PLAN_PARTS];
} tw_plan_share;

/* Options that take less; texts for the message, NULL: there is none. Borrowed. */
typedef struct tw_plan_advice {
    const char *batch;   /* of what grows with the batch: "a smaller --batch-tokens" */
    const char *trained; /* of what training takes: "--lora" */
} tw_plan_advice;

enum { TW_PLAN_SHARES = 5 };

/* Filters tell a plan only when it is of more bytes than this. */
enum { TW_PLAN_LARGE = 1 << 30 };

typedef struct tw_plan {
    tw_plan_share shares[TW_PLAN_SHARES];
    size_t count;
    size_t bytes, mapped; /* all, and of these in maps of files; SIZE_MAX: beyond counting */
    char text[1024];      /* filled by tw_plan_check */
} tw_plan;

/* Begins the share of a model; the parts that are added are its own until the next. At most
 * TW_PLAN_SHARES. */
void tw_plan_begin(tw_plan *plan, const char *owner);

/* Adds to a part of the last share (of one without owner, if none was begun). */
void tw_plan_add(tw_plan *plan, tw_plan_part part, size_t bytes);

/* A part of an owner's share; 0 when there is none. */
size_t tw_plan_of(const tw_plan *plan, const char *owner, tw_plan_part part);

/* Puts the plan into plan->text, and fails with it and with advice when more than `available` bytes
 * would be taken. Maps count with the rest: a model that is read from the disk again at every step
 * does not fit. Parts of 0 bytes are not told.
 *   "memory: 2098 MB of mapped weights, 4.30 MB of gradients; guidance: 511 MB of mapped weights;
 *    2613 MB in all, 2609 MB of them mapped, 20411 MB are free" */
int tw_plan_check(tw_plan *plan, size_t available, const tw_plan_advice *advice);

#endif
