#ifndef TW_TRAIN_OPTIONS_H
#define TW_TRAIN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/option.h"
#include "tensor/gemm.h"
#include "train/schedule.h"

/* The options that training programs share, beside those of core/common.h. A program
 * sets its defaults in a struct and puts TW_TRAIN_OPTIONS(the struct) into its table. */

typedef struct tw_train_options {
    double learning_rate, clip, weight_decay;
    int64_t batch_size, accumulate;
    int64_t steps; /* updates; 0: as many as `epochs` takes */
    double epochs;
    int schedule; /* tw_schedule_kind */
    int64_t warmup;
    int64_t eval_every, patience; /* 0: never */
    int64_t save_every;           /* 0: only when interrupted */
    bool resume;
    int gemm;       /* tw_gemm_backend */
    bool recompute; /* tw_tape_recompute */
} tw_train_options;

/* clang-format off */
#define TW_TRAIN_OPTIONS(o)                                                                        \
    {NULL, 0, TW_HEADING, NULL, NULL, "Training", 0, 0, NULL, 0},                                  \
    {"learning-rate", 'l', TW_REAL, &(o).learning_rate, "R",                                       \
     "learning rate, at its peak", 0, 1, NULL, TW_OPTION_ABOVE_MIN},                               \
    {"schedule", 0, TW_CHOICE, &(o).schedule, NULL,                                                \
     "course of the learning rate after the warm-up; linear and cosine fall to 0, plateau falls "  \
     "when validations do not improve", 0, 0, TW_SCHEDULE_NAMES, 0},                               \
    {"warmup", 0, TW_INT, &(o).warmup, "N",                                                        \
     "updates over which the learning rate rises", 0, 1e15, NULL, 0},                              \
    {"batch-size", 'b', TW_INT, &(o).batch_size, "N",                                              \
     "records computed at once", 1, 1 << 20, NULL, 0},                                             \
    {"accumulate", 0, TW_INT, &(o).accumulate, "N",                                                \
     "batches whose gradients make one update", 1, 1 << 20, NULL, 0},                              \
    {"steps", 0, TW_INT, &(o).steps, "N",                                                          \
     "updates to do; 0 leaves it to --epochs", 0, 1e15, NULL, 0},                                  \
    {"epochs", 0, TW_REAL, &(o).epochs, "R",                                                       \
     "times to go over the data, in fractions if you like", 0, 1e6, NULL, TW_OPTION_ABOVE_MIN},    \
    {"clip", 0, TW_REAL, &(o).clip, "R",                                                           \
     "limit of the gradient's norm; 0 for none", 0, 1e30, NULL, 0},                                \
    {"weight-decay", 0, TW_REAL, &(o).weight_decay, "R",                                           \
     "decay of weights, never of biases and norms", 0, 1, NULL, 0},                                \
    {"eval-every", 0, TW_INT, &(o).eval_every, "N",                                                \
     "updates between two validations; 0 for none", 0, 1e15, NULL, 0},                             \
    {"patience", 0, TW_INT, &(o).patience, "N",                                                    \
     "stop after N validations without improvement; 0 for never", 0, 1e15, NULL, 0},               \
    {"save-every", 0, TW_INT, &(o).save_every, "N",                                                \
     "updates between two checkpoints; 0 for one when interrupted only", 0, 1e15, NULL,            \
     TW_OPTION_RUNTIME},                                                                           \
    {"resume", 0, TW_FLAG, &(o).resume, NULL,                                                      \
     "go on from the checkpoint of an interrupted run, if there is one", 0, 0, NULL,               \
     TW_OPTION_RUNTIME},                                                                           \
    {"recompute", 0, TW_FLAG, &(o).recompute, NULL,                                                \
     "keep one layer's activations at a time and compute the others again in the backward pass: "  \
     "less memory, a third more time, the same result", 0, 0, NULL, TW_OPTION_RUNTIME},            \
    {"gemm", 0, TW_CHOICE, &(o).gemm, NULL,                                                        \
     "what computes matrix products: our own kernels, or OpenBLAS, whose results are the same "    \
     "only on the same processor, library and number of threads", 0, 0, TW_GEMM_NAMES, 0}
/* clang-format on */

/* Updates of a run over `items` records: steps, or what epochs takes, rounded up. */
uint64_t tw_train_steps(const tw_train_options *options, uint64_t items);

#endif
