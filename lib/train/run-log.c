#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
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

static bool is_regular(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

/* Whether a block fits behind the first `bytes` of a regular file, and whether anything else takes
 * data. 0, or -1 with errno. */
static int try_writing(int fd, off_t bytes)
{
    static const char block[4096];
    if (!is_regular(fd))
        return write(fd, "", 0) < 0 && errno != EINTR ? -1 : 0;
    if (TEMP_FAILURE_RETRY(ftruncate(fd, bytes)) < 0 || lseek(fd, bytes, SEEK_SET) < 0)
        return -1;
    int status = tw_write_all(fd, block, sizeof block), saved = errno;
    if (TEMP_FAILURE_RETRY(ftruncate(fd, bytes)) < 0 || lseek(fd, bytes, SEEK_SET) < 0)
        return -1;
    errno = saved;
    return status;
}

static int start_log(tw_run *run, const char *path)
{
    struct stat status;
    if (is_regular(run->log.fd) && flock(run->log.fd, LOCK_EX | LOCK_NB) < 0 &&
        errno == EWOULDBLOCK)
        return tw_fail("%s: another process is writing it", path);
    /* A log that was cut or removed meanwhile goes on where it ends. */
    if (fstat(run->log.fd, &status) == 0 && status.st_size < run->log.bytes)
        run->log.bytes = status.st_size;
    if (try_writing(run->log.fd, run->log.bytes) < 0)
        return tw_fail("%s: %m", path);
    return 0;
}

static void write_rest(tw_run *run)
{
    const size_t size = strlen(run->log.rest);
    if (tw_write_all(run->log.fd, run->log.rest, size) < 0) {
        run->log.error = errno;
        /* No half of a line stays, where that can be helped. */
        if (is_regular(run->log.fd) && ftruncate(run->log.fd, run->log.bytes) < 0)
            errno = 0;
        return;
    }
    run->log.bytes += (off_t)size;
    free(run->log.rest);
    run->log.rest = NULL;
}

int tw_run_open_log(tw_run *run)
{
    const char *path = run->training->common->log;
    if (!path)
        return 0;
    run->log.fd = TEMP_FAILURE_RETRY(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    if (run->log.fd < 0)
        return tw_fail("%s: %s", path, strerror(errno));
    if (start_log(run, path) < 0)
        return -1;
    if (run->log.rest)
        write_rest(run);
    return tw_run_check_log(run);
}

void tw_run_log(tw_run *run, json_t *line)
{
    if (run->log.fd >= 0) {
        char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(9));
        char *rest = tw_format("%s%s\n", run->log.rest ? run->log.rest : "", text);
        free(run->log.rest);
        free(text);
        run->log.rest = rest;
        if (run->log.error == 0)
            write_rest(run);
    }
    json_decref(line);
}

int tw_run_check_log(tw_run *run)
{
    if (run->log.fd >= 0 && run->log.error == 0 && TEMP_FAILURE_RETRY(fsync(run->log.fd)) < 0 &&
        errno != EINVAL && errno != EROFS)
        run->log.error = errno;
    return run->log.error == 0
               ? 0
               : tw_fail("%s: %s", run->training->common->log, strerror(run->log.error));
}

void tw_run_close_log(tw_run *run)
{
    if (run->log.fd >= 0)
        close(run->log.fd);
    free(run->log.rest);
    run->log.fd = -1;
    run->log.rest = NULL;
}

void tw_set_real(json_t *object, const char *name, double value)
{
    if (isfinite(value))
        json_object_set_new(object, name, json_real(value));
    else
        json_object_set_new(object, name, json_null());
}
