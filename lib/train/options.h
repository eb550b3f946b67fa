#ifndef TW_TRAIN_OPTIONS_H
#define TW_TRAIN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/option.h"
#include "train/schedule.h"

/* The options that training programs share. Each program sets its defaults in a
 * struct and puts TW_TRAIN_OPTIONS(that struct) into its option table. */

typedef struct tw_train_options {
    double learning_rate, clip, weight_decay;
    int64_t batch_size, accumulate;
    int64_t steps; /* updates; 0: as many as `epochs` takes */
    double epochs;
    int schedule; /* tw_schedule_kind */
    int64_t warmup;
    int64_t eval_every, patience; /* 0: never */
    int64_t save_every;           /* 0: only when interrupted */
    int64_t seed, threads;        /* threads 0: all processors */
    const char *log;
    bool resume, quiet;
} tw_train_options;

#define TW_TRAIN_OPTIONS(o)                                                                          \
    {.type = TW_HEADING, .help = "Training"}, {"learning-rate",                                      \
                                               'l',                                                  \
                                               TW_REAL,                                              \
                                               &(o).learning_rate,                                   \
                                               "R",                                                  \
                                               "peak learning rate",                                 \
                                               0,                                                    \
                                               1,                                                    \
                                               NULL,                                                 \
                                               TW_OPTION_ABOVE_MIN},                                 \
        {"batch-size", 'b',  TW_INT, &(o).batch_size, "N", "records of one pass", 1,                 \
         1 << 20,      NULL, 0},                                                                     \
        {"accumulate",                                                                               \
         0,                                                                                          \
         TW_INT,                                                                                     \
         &(o).accumulate,                                                                            \
         "N",                                                                                        \
         "passes whose gradients make one update",                                                   \
         1,                                                                                          \
         1 << 20,                                                                                    \
         NULL,                                                                                       \
         0},                                                                                         \
        {"steps", 0,    TW_INT, &(o).steps, "N", "updates to do; 0 lets --epochs decide",            \
         0,       1e15, NULL,   0},                                                                  \
        {"epochs", 0,                                                                                \
         TW_REAL,  &(o).epochs,                                                                      \
         "N",      "times to go over the data, fractions allowed",                                   \
         0,        1e6,                                                                              \
         NULL,     TW_OPTION_ABOVE_MIN},                                                             \
        {"schedule",                                                                                 \
         0,                                                                                          \
         TW_CHOICE,                                                                                  \
         &(o).schedule,                                                                              \
         NULL,                                                                                       \
         "course of the learning rate after the warm-up",                                            \
         0,                                                                                          \
         0,                                                                                          \
         TW_SCHEDULE_NAMES,                                                                          \
         0},                                                                                         \
        {"warmup", 0,    TW_INT, &(o).warmup, "N", "updates over which the learning rate rises", 0,  \
         1e15,     NULL, 0},                                                                         \
        {"clip", 0,    TW_REAL, &(o).clip, "R", "limit of the gradient's norm; 0 for none",          \
         0,      1e30, NULL,    0},                                                                  \
        {"weight-decay",                                                                             \
         0,                                                                                          \
         TW_REAL,                                                                                    \
         &(o).weight_decay,                                                                          \
         "R",                                                                                        \
         "decay per unit of learning rate, never of biases and norms",                               \
         0,                                                                                          \
         1,                                                                                          \
         NULL,                                                                                       \
         0},                                                                                         \
        {"eval-every",                                                                               \
         0,                                                                                          \
         TW_INT,                                                                                     \
         &(o).eval_every,                                                                            \
         "N",                                                                                        \
         "updates between validations; 0 for none",                                                  \
         0,                                                                                          \
         1e15,                                                                                       \
         NULL,                                                                                       \
         0},                                                                                         \
        {"patience", 0,                                                                              \
         TW_INT,     &(o).patience,                                                                  \
         "N",        "stop after so many validations without improvement; 0 for never",              \
         0,          1e15,                                                                           \
         NULL,       0},                                                                             \
        {"save-every",                                                                               \
         0,                                                                                          \
         TW_INT,                                                                                     \
         &(o).save_every,                                                                            \
         "N",                                                                                        \
         "updates between checkpoints; 0 for one on interruption only",                              \
         0,                                                                                          \
         1e15,                                                                                       \
         NULL,                                                                                       \
         TW_OPTION_RUNTIME},                                                                         \
        {"resume", 0,                                                                                \
         TW_FLAG,  &(o).resume,                                                                      \
         NULL,     "go on from the checkpoint that an interrupted run left, if there is one",        \
         0,        0,                                                                                \
         NULL,     TW_OPTION_RUNTIME},                                                               \
        {"log", 0, TW_TEXT, &(o).log,         "FILE", "write a JSON line per update and validation", \
         0,     0, NULL,    TW_OPTION_RUNTIME},                                                      \
        {"seed", 's', TW_INT, &(o).seed, "N", "of every random choice", 0, 9e18, NULL, 0},           \
        {"threads", 'j',  TW_INT, &(o).threads,     "N", "processors to use; 0 for all",             \
         0,         4096, NULL,   TW_OPTION_RUNTIME},                                                \
    {                                                                                                \
        "quiet", 'q', TW_FLAG, &(o).quiet, NULL, "no progress", 0, 0, NULL, TW_OPTION_RUNTIME        \
    }

/* Updates of a run over `items` records: steps, or what epochs takes (at least 1). */
uint64_t tw_train_steps(const tw_train_options *options, uint64_t items);

#endif
