#include "train/loop.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/error.h"
#include "core/folder.h"
#include "core/memory.h"
#include "train/checkpoint.h"
#include "train/run.h"

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* One update; *loss is the sum of its passes' shares. */
static int update(tw_run *run, double *loss)
{
    const tw_training *training = run->training;
    uint64_t passes = (uint64_t)run->options->accumulate, tokens = 0;
    double start = now(), rate = tw_schedule_rate(&run->schedule, run->step);
    tw_pass report = {.log = run->log.fd >= 0 ? json_object() : NULL};
    int status = -1;
    *loss = 0;
    for (uint64_t i = 0; i < passes; i++) {
        report.loss = 0;
        report.tokens = 0;
        if (training->pass(training->context, run->step * passes + i, &report) < 0)
            goto out;
        *loss += report.loss;
        tokens += report.tokens;
    }
    double norm = tw_gradient_norm(training->params);
    if (!isfinite(*loss) || !isfinite(norm)) {
        tw_fail("step %llu: loss %g, gradient norm %g: training diverged (a smaller "
                "--learning-rate or --clip may help)",
                (unsigned long long)run->step + 1, *loss, norm);
        goto out;
    }
    tw_adam_step(&run->adam, rate, tw_clip_factor(norm, run->options->clip));
    run->step++;
    status = 0;
    if (run->log.fd < 0)
        goto out;
    json_t *line = json_pack("{s:I}", "step", (json_int_t)run->step);
    tw_set_real(line, "loss", *loss);
    tw_set_real(line, "learning_rate", rate);
    tw_set_real(line, "gradient_norm", norm);
    tw_set_real(line, "tokens_per_second", (double)tokens / fmax(now() - start, 1e-9));
    json_object_update_missing(line, report.log);
    tw_run_log(run, line);
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

static int validate(tw_run *run)
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
    tw_run_say(run, "step %llu: validation %.4f%s%s", (unsigned long long)run->step, report.value,
               text, better ? " (best)" : "");
    json_t *line = json_pack("{s:I}", "step", (json_int_t)run->step);
    tw_set_real(line, "validation", report.value);
    json_object_set_new(line, "best", json_boolean(better));
    json_object_update_missing(line, report.measures);
    tw_run_log(run, line);
out:
    json_decref(report.measures);
    return status;
}

static bool due(const tw_run *run, int64_t every)
{
    return every > 0 && run->step % (uint64_t)every == 0;
}

static bool validates(const tw_run *run)
{
    return run->training->validate && run->options->eval_every > 0;
}

static bool finished(const tw_run *run)
{
    int64_t patience = run->options->patience;
    return run->step >= run->training->steps || (patience > 0 && run->best.stale >= patience);
}

/* The loop proper. A checkpoint of step n is written when all that belongs to step n
 * is done, so resuming begins with step n + 1. */
static int advance(tw_run *run)
{
    if (!run->resumed && validates(run) && validate(run) < 0)
        return -1;
    while (!finished(run)) {
        if (tw_interrupted())
            return tw_run_stop(run, "interrupted");
        if (run->log.error != 0)
            break;
        double loss = 0;
        if (update(run, &loss) < 0)
            return -1;
        char note[64];
        snprintf(note, sizeof note, "loss %.4f", loss);
        tw_progress_update(run->progress, run->step - run->first, note);
        bool last = run->step == run->training->steps;
        if (validates(run) && (last || due(run, run->options->eval_every)) && validate(run) < 0)
            return -1;
        if (!last && due(run, run->options->save_every) && tw_run_save(run) < 0)
            return tw_run_stop(run, tw_error());
    }
    return tw_run_check_log(run) < 0 ? tw_run_stop(run, tw_error()) : TW_TRAINED;
}

static int write_result(tw_run *run)
{
    const tw_training *training = run->training;
    if (run->best.any)
        memcpy(training->params->x, run->best_x, training->params->size * sizeof *run->best_x);
    tw_folder *folder = tw_folder_open(training->output, TW_FOLDER_MODEL);
    if (!folder)
        return -1;
    if (training->save(training->context, tw_folder_path(folder)) < 0) {
        tw_folder_discard(folder);
        return -1;
    }
    return tw_folder_commit(folder);
}

static int save_result(tw_run *run)
{
    if (write_result(run) < 0)
        return tw_run_stop(run, tw_error());
    if (run->best.any)
        tw_run_say(run, "kept the weights of step %llu, validation %.4f",
                   (unsigned long long)run->best.step, run->best.value);
    return tw_checkpoint_remove(run->checkpoint);
}

char *tw_checkpoint_path(const char *output)
{
    size_t length = strlen(output);
    while (length > 1 && output[length - 1] == '/')
        length--;
    return tw_format("%.*s.checkpoint", (int)length, output);
}

int tw_training_status(int end)
{
    if (end == TW_TRAINED)
        return TW_EXIT_OK;
    return end == TW_TRAINING_STOPPED ? TW_EXIT_STOPPED : TW_EXIT_DATA;
}

static void init(tw_run *run, const tw_training *training)
{
    const tw_train_options *options = training->options;
    *run = (tw_run){.training = training, .options = options, .log.fd = -1};
    run->checkpoint = tw_checkpoint_path(training->output);
    run->best.maximise = training->maximise;
    tw_schedule_init(&run->schedule, (tw_schedule_kind)options->schedule, options->learning_rate,
                     (uint64_t)options->warmup, training->steps, training->maximise);
}

static void take_memory(tw_run *run)
{
    const tw_training *training = run->training;
    tw_adam_options adam = training->adam;
    adam.weight_decay = run->options->weight_decay;
    tw_run_say(run, "%.4g M parameters to train; %llu steps",
               (double)tw_params_values(training->params) / 1e6,
               (unsigned long long)training->steps);
    tw_adam_init(&run->adam, training->params, &adam);
    if (validates(run))
        run->best_x = tw_alloc(training->params->size, sizeof *run->best_x);
}

static int train(tw_run *run)
{
    const tw_training *training = run->training;
    if (tw_run_claim(run) < 0)
        return -1;
    take_memory(run);
    if (run->options->resume && tw_checkpoint_exists(run->checkpoint) && tw_run_resume(run) < 0)
        return -1;
    if (tw_run_open_log(run) < 0)
        return -1;
    run->first = run->step;
    run->progress = tw_progress_new("steps", training->steps - run->first, training->common->quiet);
    int status = advance(run);
    if (status < 0)
        tw_progress_abandon(run->progress);
    else
        tw_progress_end(run->progress);
    run->progress = NULL;
    return status == TW_TRAINED ? save_result(run) : status;
}

int tw_train(const tw_training *training)
{
    tw_run run;
    init(&run, training);
    int status = train(&run);
    tw_run_close_log(&run);
    tw_lock_release(run.lock);
    tw_adam_free(&run.adam);
    free(run.best_x);
    free(run.checkpoint);
    return status;
}
