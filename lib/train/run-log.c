#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "train/run.h"

/* What a run says: to the user, and to --log. */

void tw_run_say(const tw_run *run, const char *format, ...)
{
    if (!run->training->say || run->training->common->quiet)
        return;
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    tw_progress_clear(run->progress);
    run->training->say(line);
}

int tw_run_open_log(tw_run *run, off_t keep)
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

int tw_run_log(tw_run *run, json_t *line)
{
    int status = 0;
    if (run->log && (json_dumpf(line, run->log, JSON_COMPACT | JSON_REAL_PRECISION(9)) < 0 ||
                     putc('\n', run->log) == EOF || fflush(run->log) == EOF))
        status = tw_fail("%s: %s", run->training->common->log, strerror(errno));
    json_decref(line);
    return status;
}

void tw_set_real(json_t *object, const char *name, double value)
{
    if (isfinite(value))
        json_object_set_new(object, name, json_real(value));
    else
        json_object_set_new(object, name, json_null());
}

int tw_run_close_log(tw_run *run)
{
    int status = 0;
    if (run->log && fclose(run->log) == EOF)
        status = tw_fail("%s: %s", run->training->common->log, strerror(errno));
    run->log = NULL;
    return status;
}
