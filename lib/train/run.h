#ifndef TW_TRAIN_RUN_H
#define TW_TRAIN_RUN_H

#include <sys/types.h>

#include "core/lock.h"
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
    tw_progress *progress;
    tw_lock *lock; /* of the output and the checkpoint */
    struct {
        int fd;      /* of --log; -1: there is none */
        off_t bytes; /* of whole lines that were written */
        char *rest;  /* lines that could not be written; NULL: none */
        int error;   /* errno of that; 0: all is well */
    } log;
} tw_run;

/* Tells the user a line, unless nobody wants to hear. */
void tw_run_say(const tw_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Makes the run the only one that writes the output and its checkpoint, and tries that both can be
 * put in place, before hours of training rather than after. A checkpoint that is there without
 * --resume is a failure. */
int tw_run_claim(tw_run *run);

/* Opens --log, cut back to the run's log.bytes (what an interrupted run wrote after its last
 * checkpoint is about to be written again), and writes log.rest. Fails when nothing can be written
 * to it, or another process writes it. */
int tw_run_open_log(tw_run *run);

/* Writes (to --log, if there is one) and frees a line. One that cannot be written is kept for the
 * checkpoint, with log.error set: the loop stops the run when the step is done. */
void tw_run_log(tw_run *run, json_t *line);

/* 0, or -1 when lines are missing in --log. What was written lasts from here on. */
int tw_run_check_log(tw_run *run);

void tw_run_close_log(tw_run *run);

/* Sets a number; null when it is not finite. */
void tw_set_real(json_t *object, const char *name, double value);

/* Writes OUTPUT.checkpoint. Its state.json: {"checkpoint": 2 (the format), "program",
 * "digest" (of the run), "step", "best", "plateau", "log_bytes", "log_rest"}, and checksums
 * (train/checkpoint.h). */
int tw_run_save(tw_run *run);

/* Ends a run that cannot go on: writes a checkpoint where it can, and says, after the cause, where
 * it is and how to go on. TW_TRAINING_STOPPED, or -1 when there is none, nor an older one, at
 * OUTPUT.checkpoint: then it is in the temporary folder (TMPDIR, /tmp) if there is room. */
int tw_run_stop(tw_run *run, const char *cause);

/* Takes up OUTPUT.checkpoint; fails unless it is whole and of this very run. */
int tw_run_resume(tw_run *run);

#endif
