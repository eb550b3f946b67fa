#ifndef TW_TRAIN_RUN_H
#define TW_TRAIN_RUN_H

#include <stdio.h>
#include <sys/types.h>

#include "core/progress.h"
#include "train/loop.h"

/* A run under way: shared by loop.c, run-log.c and run-state.c, not for others. */

typedef struct tw_run {
    const tw_training *training;
    const tw_train_options *options;
    char *checkpoint; /* OUTPUT.checkpoint */
    tw_adam adam;
    tw_schedule schedule;
    tw_best best;
    float *best_x;  /* [params->size], of the best validation; NULL: none is wanted */
    uint64_t step;  /* updates done */
    bool resumed;   /* from a checkpoint */
    uint64_t first; /* `step` when this process began */
    FILE *log;
    tw_progress *progress;
} tw_run;

/* Tells the user a line, unless nobody wants to hear. */
void tw_run_say(const tw_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Opens --log, cut back to `keep` bytes: what an interrupted run wrote after its last
 * checkpoint is about to be written again. */
int tw_run_open_log(tw_run *run, off_t keep);

/* Writes (to --log, if there is one) and frees a line. */
int tw_run_log(tw_run *run, json_t *line);

/* Closes --log. */
int tw_run_close_log(tw_run *run);

/* Sets a number; null when it is not finite. */
void tw_set_real(json_t *object, const char *name, double value);

/* Writes OUTPUT.checkpoint. Its state.json: {"checkpoint": 1 (the format), "program",
 * "digest" (of the run), "step", "best", "plateau", "log_bytes"}. */
int tw_run_save(tw_run *run);

/* Takes up OUTPUT.checkpoint; fails unless it is of this very run. */
int tw_run_resume(tw_run *run, off_t *log_bytes);

#endif
