#include "train/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/progress.h"
#include "model/model.h"
#include "train/checkpoint.h"

typedef struct run {
    const tw_training *training;
    const tw_train_options *options;
    char *checkpoint; /* OUTPUT.checkpoint */
    tw_adam adam;
    tw_schedule schedule;
    tw_best best;
    float *best_x;  /* [params->size], of the best validation; NULL: none is wanted */
    uint64_t step;  /* updates done */
    uint64_t first; /* `step` when this process began */
    FILE *log;
    tw_progress *progress;
} run;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void say(const run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(const run *run, const char *format, ...)
{
    if (!run->training->say || run->training->common->quiet)
        return;
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    run->training->say(line);
}

/* --- the log ------------------------------------------------------------------ */

/* Opens it, cut back to `keep` bytes: what an interrupted run wrote after its last
 * checkpoint is about to be written again. */
static int open_log(run *run, off_t keep)
{
    const char *path = run->training->common->log;
    if (!path)
        return 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return tw_fail("%s: %s", path, strerror(errno));
    struct stat status;
    bool regular = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    if (regular && status.st_size > keep && ftruncate(fd, keep) < 0) {
        tw_fail("%s: %s", path, strerror(errno));
        close(fd);
        return -1;
    }
    if (regular)
        lseek(fd, 0, SEEK_END);
    run->log = fdopen(fd, "w");
    return run->log ? 0 : tw_fail("%s: %s", path, strerror(errno));
}

/* Writes and frees a line. */
static int log_line(run *run, json_t *line)
{
    int status = 0;
    if (run->log && (json_dumpf(line, run->log, JSON_COMPACT | JSON_REAL_PRECISION(9)) < 0 ||
                     putc('\n', run->log) == EOF || fflush(run->log) == EOF))
        status = tw_fail("%s: %s", run->training->common->log, strerror(errno));
    json_decref(line);
    return status;
}

static void set_real(json_t *object, const char *name, double value)
{
    if (isfinite(value))
        json_object_set_new(object, name, json_real(value));
    else
        json_object_set_new(object, name, json_null());
}

/* --- checkpoints -------------------------------------------------------------- */

static json_t *state_of(run *run)
{
    char digest[17];
    snprintf(digest, sizeof digest, "%016llx", (unsigned long long)run->training->digest);
    long written = run->log ? ftell(run->log) : 0;
    return json_pack("{s:i, s:s, s:s, s:I, s:o, s:o, s:I}", "checkpoint", 1, "program",
                     run->training->program, "digest", digest, "step", (json_int_t)run->step,
                     "best", tw_best_to_json(&run->best), "plateau",
                     tw_plateau_to_json(&run->schedule.plateau), "log_bytes",
                     (json_int_t)(written > 0 ? written : 0));
}

static int save_checkpoint(run *run)
{
    json_t *state = state_of(run);
    tw_checkpoint checkpoint = {.params = run->training->params,
                                .adam = &run->adam,
                                .best = run->best_x,
                                .has_best = run->best_x && run->best.any,
                                .state = state};
    int status = tw_checkpoint_save(run->checkpoint, &checkpoint);
    json_decref(state);
    return status;
}

/* Fails unless the checkpoint is one of this very run. */
static int restore_state(run *run, const json_t *state, off_t *log_bytes)
{
    char digest[17];
    snprintf(digest, sizeof digest, "%016llx", (unsigned long long)run->training->digest);
    const char *program = NULL, *made_with = NULL;
    json_t *best = NULL, *plateau = NULL;
    json_int_t step = 0, bytes = 0;
    if (json_unpack((json_t *)state, "{s:s, s:s, s:I, s:o, s:o, s:I}", "program", &program,
                    "digest", &made_with, "step", &step, "best", &best, "plateau", &plateau,
                    "log_bytes", &bytes) < 0 ||
        step < 0 || bytes < 0)
        return tw_fail("state.json: a field is missing or of another type");
    if (strcmp(program, run->training->program) != 0 || strcmp(digest, made_with) != 0)
        return tw_fail("made with another program, other options, models or data: repeat those, "
                       "or remove the folder to begin anew");
    if ((uint64_t)step > run->training->steps)
        return tw_fail("state.json: step: beyond the last one");
    run->step = run->adam.step = (uint64_t)step;
    *log_bytes = (off_t)bytes;
    if (tw_best_from_json(&run->best, best) < 0 ||
        tw_plateau_from_json(&run->schedule.plateau, plateau) < 0)
        return tw_fail_in("state.json");
    return 0;
}

static int resume(run *run, off_t *log_bytes)
{
    json_t *state = tw_checkpoint_state(run->checkpoint);
    if (!state)
        return -1;
    tw_checkpoint checkpoint = {
        .params = run->training->params, .adam = &run->adam, .best = run->best_x};
    int status = restore_state(run, state, log_bytes);
    if (status < 0)
        tw_fail_in("%s", run->checkpoint);
    else
        status = tw_checkpoint_load(run->checkpoint, &checkpoint);
    json_decref(state);
    if (status == 0 && run->best_x && run->best.any && !checkpoint.has_best)
        return tw_fail("%s: best.safetensors: missing", run->checkpoint);
    if (status == 0)
        say(run, "resuming after step %llu of %llu", (unsigned long long)run->step,
            (unsigned long long)run->training->steps);
    return status;
}

/* --- steps -------------------------------------------------------------------- */

/* One update; *loss is the mean over its passes. */
static int update(run *run, double *loss)
{
    const tw_training *training = run->training;
    uint64_t passes = (uint64_t)run->options->accumulate;
    double start = now(), rate = tw_schedule_rate(&run->schedule, run->step);
    tw_pass report = {.log = run->log ? json_object() : NULL};
    int status = -1;
    *loss = 0;
    for (uint64_t i = 0; i < passes; i++) {
        report.loss = 0;
        if (training->pass(training->context, run->step * passes + i, &report) < 0)
            goto out;
        *loss += report.loss / (double)passes;
    }
    double norm = tw_gradient_norm(training->params) / (double)passes;
    if (!isfinite(*loss) || !isfinite(norm)) {
        tw_fail("step %llu: loss %g, gradient norm %g: training diverged (a smaller "
                "--learning-rate or --clip may help)",
                (unsigned long long)run->step + 1, *loss, norm);
        goto out;
    }
    tw_adam_step(&run->adam, rate, tw_clip_factor(norm, run->options->clip) / (double)passes);
    run->step++;
    status = 0;
    if (!run->log)
        goto out;
    json_t *line = json_pack("{s:I}", "step", (json_int_t)run->step);
    set_real(line, "loss", *loss);
    set_real(line, "learning_rate", rate);
    set_real(line, "gradient_norm", norm);
    set_real(line, "tokens_per_second", (double)report.tokens / fmax(now() - start, 1e-9));
    json_object_update_missing(line, report.log);
    status = log_line(run, line);
out:
    json_decref(report.log);
    return status;
}

/* "accuracy 0.6312, ..." */
static void measures_text(const json_t *measures, char *text, size_t size)
{
    const char *name;
    json_t *value;
    size_t at = 0;
    text[0] = 0;
    json_object_foreach((json_t *)measures, name, value)
    {
        int length = snprintf(text + at, size - at, ", %s %.4f", name, json_number_value(value));
        if (length < 0 || (size_t)length >= size - at)
            return;
        at += (size_t)length;
    }
}

static int validate(run *run)
{
    const tw_training *training = run->training;
    tw_validation report = {.value = NAN, .measures = json_object()};
    int status = training->validate(training->context, run->step, &report);
    if (status < 0)
        goto out;
    bool better = tw_best_update(&run->best, report.value, run->step);
    if (better)
        memcpy(run->best_x, training->params->x, training->params->size * sizeof *run->best_x);
    tw_plateau_update(&run->schedule.plateau, report.value);
    char text[256];
    measures_text(report.measures, text, sizeof text);
    say(run, "step %llu: validation %.4f%s%s", (unsigned long long)run->step, report.value, text,
        better ? " (best)" : "");
    json_t *line = json_pack("{s:I}", "step", (json_int_t)run->step);
    set_real(line, "validation", report.value);
    json_object_set_new(line, "best", json_boolean(better));
    json_object_update_missing(line, report.measures);
    status = log_line(run, line);
out:
    json_decref(report.measures);
    return status;
}

static bool due(const run *run, int64_t every)
{
    return every > 0 && run->step % (uint64_t)every == 0;
}

static bool validates(const run *run)
{
    return run->training->validate && run->options->eval_every > 0;
}

static bool finished(const run *run)
{
    int64_t patience = run->options->patience;
    return run->step >= run->training->steps || (patience > 0 && run->best.stale >= patience);
}

/* The loop proper. A checkpoint of step n is written when all that belongs to step n
 * is done, so resuming begins with step n + 1. */
static int advance(run *run)
{
    if (run->step == 0 && validates(run) && validate(run) < 0)
        return -1;
    while (!finished(run)) {
        if (tw_interrupted()) {
            if (save_checkpoint(run) < 0)
                return -1;
            tw_fail("interrupted after step %llu of %llu: the same command with --resume goes on "
                    "from %s",
                    (unsigned long long)run->step, (unsigned long long)run->training->steps,
                    run->checkpoint);
            return TW_TRAINING_INTERRUPTED;
        }
        double loss = 0;
        if (update(run, &loss) < 0)
            return -1;
        char note[64];
        snprintf(note, sizeof note, "loss %.4f", loss);
        tw_progress_update(run->progress, run->step - run->first, note);
        bool last = run->step == run->training->steps;
        if (validates(run) && (last || due(run, run->options->eval_every)) && validate(run) < 0)
            return -1;
        if (!last && due(run, run->options->save_every) && save_checkpoint(run) < 0)
            return -1;
    }
    return TW_TRAINED;
}

static int save_result(run *run)
{
    const tw_training *training = run->training;
    if (run->best.any)
        memcpy(training->params->x, run->best_x, training->params->size * sizeof *run->best_x);
    char *folder = tw_folder_begin(training->output);
    if (!folder)
        return -1;
    int status = training->save(training->context, folder);
    if (status == 0)
        status = tw_folder_commit(folder, training->output);
    else
        tw_folder_abort(folder);
    free(folder);
    if (status == 0 && run->best.any)
        say(run, "kept the weights of step %llu, validation %.4f",
            (unsigned long long)run->best.step, run->best.value);
    return status < 0 ? -1 : tw_checkpoint_remove(run->checkpoint);
}

/* What can be found wrong now is not found wrong after hours of training. */
static int check_output(const run *run)
{
    char *folder = tw_folder_begin(run->training->output);
    if (!folder)
        return -1;
    tw_folder_abort(folder);
    free(folder);
    if (!run->options->resume && tw_checkpoint_exists(run->checkpoint))
        return tw_fail("%s: an interrupted run left this checkpoint: go on from it with --resume, "
                       "or remove it",
                       run->checkpoint);
    return 0;
}

static void init(run *run, const tw_training *training)
{
    const tw_train_options *options = training->options;
    tw_adam_options adam = training->adam;
    adam.weight_decay = options->weight_decay;
    *run = (struct run){.training = training, .options = options};
    run->checkpoint = tw_format("%s.checkpoint", training->output);
    run->best.maximise = training->maximise;
    tw_adam_init(&run->adam, training->params, &adam);
    tw_schedule_init(&run->schedule, (tw_schedule_kind)options->schedule, options->learning_rate,
                     (uint64_t)options->warmup, training->steps, training->maximise);
    if (validates(run))
        run->best_x = tw_alloc(training->params->size, sizeof *run->best_x);
}

int tw_train(const tw_training *training)
{
    run run;
    init(&run, training);
    off_t log_bytes = 0;
    int status = check_output(&run);
    if (status == 0 && training->options->resume && tw_checkpoint_exists(run.checkpoint))
        status = resume(&run, &log_bytes);
    if (status == 0)
        status = open_log(&run, log_bytes);
    if (status == 0) {
        run.first = run.step;
        run.progress =
            tw_progress_new("steps", training->steps - run.first, training->common->quiet);
        status = advance(&run);
        tw_progress_end(run.progress);
    }
    if (status == TW_TRAINED)
        status = save_result(&run);
    if (run.log && fclose(run.log) == EOF && status >= 0)
        status = tw_fail("%s: %s", training->common->log, strerror(errno));
    tw_adam_free(&run.adam);
    free(run.best_x);
    free(run.checkpoint);
    return status;
}
