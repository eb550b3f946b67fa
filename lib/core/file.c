#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/memory.h"

/* Bytes read into buffer[size]; less than size at the end of the file, -1 with errno. */
static ssize_t read_all(int fd, char *buffer, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = read(fd, buffer + done, size - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

char *tw_read_file(const char *path, size_t limit, size_t *size)
{
    char *bytes = NULL, *result = NULL;
    /* Not to hang on a named pipe, which is refused below. */
    int fd = TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0) {
        tw_fail("%s: %s", path, strerror(errno));
        goto out;
    }
    if (!S_ISREG(status.st_mode)) {
        tw_fail("%s: is %s, expected a file", path,
                S_ISDIR(status.st_mode) ? "a folder" : "not a regular file");
        goto out;
    }
    if ((size_t)status.st_size > limit) {
        tw_fail("%s: %zu bytes, expected at most %zu", path, (size_t)status.st_size, limit);
        goto out;
    }
    bytes = tw_alloc((size_t)status.st_size + 1, 1);
    ssize_t got = read_all(fd, bytes, (size_t)status.st_size);
    if (got < 0) {
        tw_fail("%s: %s", path, strerror(errno));
        goto out;
    }
    *size = (size_t)got;
    bytes[got] = '\0';
    result = bytes;
    bytes = NULL;
out:
    free(bytes);
    if (fd >= 0)
        close(fd);
    return result;
}

int tw_write_all(int fd, const void *bytes, size_t size)
{
    /* Linux writes at most 2 GiB at a time. */
    const size_t most = (size_t)1 << 30;
    for (size_t done = 0; done < size;) {
        size_t part = size - done < most ? size - done : most;
        ssize_t put = write(fd, (const char *)bytes + done, part);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        done += (size_t)put;
    }
    return 0;
}

void tw_write_errors(void)
{
    static const int numbers[] = {SIGPIPE, SIGXFSZ};
    struct sigaction action;
    for (int i = 0; i < 2; i++)
        if (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler == SIG_DFL)
            signal(numbers[i], SIG_IGN);
}

int tw_write_file(const char *path, const void *bytes, size_t size)
{
    int fd = TEMP_FAILURE_RETRY(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (fd < 0)
        return tw_fail("%s: %s", path, strerror(errno));
    int status = tw_write_all(fd, bytes, size) < 0 || TEMP_FAILURE_RETRY(fsync(fd)) < 0 ? -1 : 0;
    if (status < 0)
        tw_fail("%s: %s", path, strerror(errno));
    if (close(fd) < 0 && errno != EINTR && status == 0)
        status = tw_fail("%s: %s", path, strerror(errno));
    if (status < 0)
        unlink(path);
    return status;
}

char *tw_join_path(const char *folder, const char *name)
{
    size_t length = strlen(folder);
    const char *slash = length > 0 && folder[length - 1] == '/' ? "" : "/";
    return tw_format("%s%s%s", folder, slash, name);
}
