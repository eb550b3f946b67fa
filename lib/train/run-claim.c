#include "core/error.h"
#include "core/folder.h"
#include "train/checkpoint.h"
#include "train/run.h"

int tw_run_claim(tw_run *run)
{
    const tw_training *training = run->training;
    if (!(run->lock = tw_lock_take(training->output)) ||
        tw_folder_try(training->output, TW_FOLDER_MODEL, training->result_bytes) < 0 ||
        tw_folder_try(run->checkpoint, TW_FOLDER_CHECKPOINT, 0) < 0)
        return -1;
    if (!run->options->resume && tw_checkpoint_exists(run->checkpoint))
        return tw_fail("%s: an interrupted run left this checkpoint: go on from it with --resume, "
                       "or remove it",
                       run->checkpoint);
    return 0;
}
