#ifndef TW_TRAIN_LOOP_H
#define TW_TRAIN_LOOP_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/common.h"
#include "tensor/tensor.h"
#include "train/adam.h"
#include "train/options.h"

/* The training loop: accumulate, clip, update, validate, keep the best, stop early,
 * checkpoint, log. A program gives it parameters and callbacks.
 *
 * Everything random in a callback is to be a function of the seed and of the number it
 * is given, never of how often it was called: then a resumed run makes the same bytes
 * as one that was never interrupted. */

/* What a pass reports. */
typedef struct tw_pass {
    double loss;     /* the pass's share of the update's: shares add up */
    uint64_t tokens; /* rows computed in the pass, for the rate */
    json_t *log;     /* an object for further fields of the log line, which are the whole update's
                        after its last pass; passes of one update share it; NULL without --log */
} tw_pass;

/* What a validation reports. */
typedef struct tw_validation {
    double value;     /* selects the best weights */
    json_t *measures; /* an object: name to number, printed and logged */
} tw_validation;

typedef struct tw_training {
    const tw_train_options *options;
    const tw_common *common; /* log, quiet */
    const char *program;     /* "learn-guidance" */
    const char *output;      /* result folder; checkpoints go to OUTPUT.checkpoint */
    size_t result_bytes;     /* what its weights will take, tried before the first step */
    tw_params *params;       /* trainable */
    tw_adam_options adam;    /* weight_decay is taken from options */
    uint64_t steps;          /* updates, see tw_train_steps */
    uint64_t digest;         /* of everything that shapes the result: options, models, data;
                                --resume refuses a checkpoint of another one */
    bool maximise;           /* the validation's value: higher is better */
    void *context;           /* of the callbacks, each 0 or -1 after tw_fail */

    /* Adds the gradients of pass `pass` (from 0; accumulate passes an update, in order) into
     * params->dx: its share of the update's loss, which is one mean over all of the update, so
     * that a batch is the same in one pass or in several. */
    int (*pass)(void *context, uint64_t pass, tw_pass *report);

    /* Value of the parameters as they stand; before the first update, every eval_every
     * ones and after the last. NULL: no validation, the last weights are the result. */
    int (*validate)(void *context, uint64_t step, tw_validation *report);

    /* Writes the result into an existing, empty folder. */
    int (*save)(void *context, const char *folder);

    /* Tells the user a line (validations, resumption); NULL: nobody listens. Not called
     * when common->quiet. */
    void (*say)(const char *line);
} tw_training;

typedef enum tw_training_end {
    TW_TRAINED,         /* the result folder is in place, the checkpoint gone */
    TW_TRAINING_STOPPED /* a checkpoint is in place; tw_error() says why, where and how to go on */
} tw_training_end;

/* Runs to the end, to the early stop or to tw_interrupted(). Returns a tw_training_end, or -1. A
 * checkpoint in the place without --resume is a failure that names it, so that nobody's work is
 * lost. That the output, the checkpoint and the log can be written is tried before the first step;
 * when one of them fails later, a checkpoint is left where that is possible. */
int tw_train(const tw_training *training);

/* The exit status of a program that ends so: a tw_training_end, or -1. */
int tw_training_status(int end);

/* OUTPUT.checkpoint; the caller frees. */
char *tw_checkpoint_path(const char *output);

#endif
