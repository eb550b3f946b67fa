#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/path.h"
#include "train/checkpoint.h"
#include "train/run.h"

static json_t *state_of(tw_run *run)
{
    char digest[17];
    snprintf(digest, sizeof digest, "%016llx", (unsigned long long)run->training->digest);
    return json_pack("{s:i, s:s, s:s, s:I, s:o, s:o, s:I, s:s}", "checkpoint", 2, "program",
                     run->training->program, "digest", digest, "step", (json_int_t)run->step,
                     "best", tw_best_to_json(&run->best), "plateau",
                     tw_plateau_to_json(&run->schedule.plateau), "log_bytes",
                     (json_int_t)run->log.bytes, "log_rest", run->log.rest ? run->log.rest : "");
}

static int save_to(tw_run *run, const char *path)
{
    /* What the state says of the log has to be there after a power failure too. */
    tw_run_check_log(run);
    json_t *state = state_of(run);
    tw_checkpoint checkpoint = {.params = run->training->params,
                                .adam = &run->adam,
                                .best = run->best_x,
                                .has_best = run->best_x && run->best.any,
                                .state = state};
    int status = tw_checkpoint_save(path, &checkpoint);
    json_decref(state);
    return status;
}

int tw_run_save(tw_run *run)
{
    return save_to(run, run->checkpoint);
}

/* For when the disk of the output takes nothing any more: the temporary folder is often on another.
 * -1 with the reason at OUTPUT.checkpoint as the message. */
static int save_elsewhere(tw_run *run, const char *why)
{
    char *reason = tw_strdup(tw_error());
    const char *folder = getenv("TMPDIR");
    char *path = tw_format("%s/%s.%ld", folder && *folder ? folder : "/tmp",
                           tw_base_name(run->checkpoint), (long)getpid());
    int status = save_to(run, path);
    if (status == 0)
        tw_fail("%s, and no checkpoint can be written there (%s): it is in %s: make room, move it "
                "to %s, then the same command with --resume goes on from it",
                why, reason, path, run->checkpoint);
    else
        tw_fail("%s, and no checkpoint can be written: %s", why, reason);
    free(path);
    free(reason);
    return -1;
}

int tw_run_stop(tw_run *run, const char *cause)
{
    char *why = tw_format("%s after step %llu of %llu", cause, (unsigned long long)run->step,
                          (unsigned long long)run->training->steps);
    int status = TW_TRAINING_STOPPED;
    if (tw_run_save(run) == 0)
        tw_fail("%s: the same command with --resume goes on from %s", why, run->checkpoint);
    else if (tw_checkpoint_exists(run->checkpoint))
        tw_fail(
            "%s, and no new checkpoint can be written (%s): the same command with --resume goes "
            "on from the older %s",
            why, tw_error(), run->checkpoint);
    else
        status = save_elsewhere(run, why);
    free(why);
    return status;
}

static int restore_state(tw_run *run, const json_t *state)
{
    char digest[17];
    snprintf(digest, sizeof digest, "%016llx", (unsigned long long)run->training->digest);
    const char *program = NULL, *made_with = NULL, *rest = NULL;
    json_t *best = NULL, *plateau = NULL;
    json_int_t step = 0, bytes = 0;
    if (json_unpack((json_t *)state, "{s:s, s:s, s:I, s:o, s:o, s:I, s:s}", "program", &program,
                    "digest", &made_with, "step", &step, "best", &best, "plateau", &plateau,
                    "log_bytes", &bytes, "log_rest", &rest) < 0 ||
        step < 0 || bytes < 0)
        return tw_fail("state.json: a field is missing or of another type");
    if (strcmp(program, run->training->program) != 0 || strcmp(digest, made_with) != 0)
        return tw_fail("made with another program, other options, models or data: repeat those, "
                       "or remove the folder to begin anew");
    if ((uint64_t)step > run->training->steps)
        return tw_fail("state.json: step: beyond the last one");
    run->step = run->adam.step = (uint64_t)step;
    run->log.bytes = (off_t)bytes;
    run->log.rest = *rest ? tw_strdup(rest) : NULL;
    if (tw_best_from_json(&run->best, best) < 0 ||
        tw_plateau_from_json(&run->schedule.plateau, plateau) < 0)
        return tw_fail_in("state.json");
    return 0;
}

int tw_run_resume(tw_run *run)
{
    json_t *state = tw_checkpoint_state(run->checkpoint);
    if (!state)
        return -1;
    tw_checkpoint checkpoint = {
        .params = run->training->params, .adam = &run->adam, .best = run->best_x, .state = state};
    int status = restore_state(run, state);
    if (status < 0)
        tw_fail_in("%s", run->checkpoint);
    else
        status = tw_checkpoint_load(run->checkpoint, &checkpoint);
    json_decref(state);
    if (status == 0 && run->best_x && run->best.any && !checkpoint.has_best)
        return tw_fail("%s: best.safetensors: missing", run->checkpoint);
    run->resumed = true;
    if (status == 0)
        tw_run_say(run, "resuming after step %llu of %llu", (unsigned long long)run->step,
                   (unsigned long long)run->training->steps);
    return status;
}
