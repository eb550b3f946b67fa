#ifndef TW_TESTS_CHECK_REAL_H
#define TW_TESTS_CHECK_REAL_H

#include <jansson.h>
#include <stdbool.h>

#include "model/model.h"
#include "tensor/safetensors.h"
#include "train/forest.h"

/* Between check_real.c, which says what this is about, and check_writing.c. */

typedef enum quantity { LOGITS, NLL, NORM, GRADIENTS, STEP, GREEDY, BEAMS, SCORES } quantity;

typedef struct check {
    const char *name; /* of the model */
    json_t *record;
    tw_safetensors *arrays; /* logits and nll; gradient.NAME, stepped.NAME of each parameter */
    tw_model *model;
    tw_forest forest;
    bool failed;
} check;

/* A line of the table. */
void report(check *check, quantity quantity, double error, const char *what);

/* What is missing in a record is a mistake of its maker: it ends the program. */
const json_t *field(const json_t *json, const char *key);
double number(const json_t *json, const char *key);

/* A list of ids; the caller frees. */
int32_t *ids_of(const json_t *list, size_t *count);

/* Greedy continuations; beams. 0, or -1 when they could not be made. */
int check_greedy(check *check);
int check_beams(check *check);

#endif
