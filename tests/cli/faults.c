/* A library for LD_PRELOAD that makes one of a program's calls to the system fail, or ends the
 * program there. It counts the calls that change files or their names: writes (but to stderr, where
 * messages go), fsync, renames, removals, and what creates, truncates or opens for writing.
 *
 *   FAULT_COUNTER  a file of 8 zero bytes, where calls are counted over all processes
 *   FAULT_NTH      the number of the call, from 1; 0: count only
 *   FAULT_KIND     ENOSPC (all later calls but removals fail too, as on a full disk), EIO, EINTR
 *                  (that call alone); KILL, TERM: the signal is raised before the call
 *   FAULT_PROGRAMS names of programs whose calls count, " sample rank "; unset: all
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static struct {
    _Atomic long *counter; /* NULL: nothing is counted */
    long nth;
    int error, signal;
    bool full; /* a disk that stays so */
} plan;

#define NEXT(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

static bool program_counts(void)
{
    const char *programs = getenv("FAULT_PROGRAMS");
    char name[256];
    snprintf(name, sizeof name, " %s ", program_invocation_short_name);
    return !programs || strstr(programs, name);
}

__attribute__((constructor)) static void read_plan(void)
{
    const char *path = getenv("FAULT_COUNTER"), *nth = getenv("FAULT_NTH"),
               *kind = getenv("FAULT_KIND");
    if (!path || !nth || !program_counts())
        return;
    int fd = NEXT(open)(path, O_RDWR | O_CLOEXEC);
    void *map =
        fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    if (map == MAP_FAILED)
        return;
    plan.counter = map;
    plan.nth = strtol(nth, NULL, 10);
    plan.full = kind && strcmp(kind, "ENOSPC") == 0;
    plan.error = plan.full ? ENOSPC : kind && strcmp(kind, "EINTR") == 0 ? EINTR : EIO;
    plan.signal = kind && strcmp(kind, "KILL") == 0   ? SIGKILL
                  : kind && strcmp(kind, "TERM") == 0 ? SIGTERM
                                                      : 0;
}

/* Counts a call; true when it is to fail, with errno set. */
static bool fails(bool removes)
{
    if (!plan.counter)
        return false;
    const long number = atomic_fetch_add(plan.counter, 1) + 1;
    if (plan.nth == 0 || number < plan.nth || (number > plan.nth && (!plan.full || removes)))
        return false;
    if (plan.signal) {
        kill(getpid(), plan.signal);
        return false;
    }
    errno = plan.error;
    return true;
}

static bool writes(int flags)
{
    return (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC);
}

/* The mode of an open that may create. */
#define MODE(flags, mode)                                                                          \
    do {                                                                                           \
        va_list args;                                                                              \
        va_start(args, flags);                                                                     \
        (mode) = (flags) & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;                       \
        va_end(args);                                                                              \
    } while (0)

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name,bugprone-macro-parentheses)
#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        mode_t mode;                                                                               \
        MODE(flags, mode);                                                                         \
        return writes(flags) && fails(false) ? -1 : NEXT(name)(path, flags, mode);                 \
    }
#define OPENAT(name)                                                                               \
    int name(int at, const char *path, int flags, ...)                                             \
    {                                                                                              \
        mode_t mode;                                                                               \
        MODE(flags, mode);                                                                         \
        return writes(flags) && fails(false) ? -1 : NEXT(name)(at, path, flags, mode);             \
    }
#define FOPEN(name)                                                                                \
    FILE *name(const char *path, const char *mode)                                                 \
    {                                                                                              \
        return strpbrk(mode, "wa+") && fails(false) ? NULL : NEXT(name)(path, mode);               \
    }
/* Any other call: its declaration, what the real one is given, whether it removes something. */
#define CALL(type, name, declared, given, removes)                                                 \
    type name declared                                                                             \
    {                                                                                              \
        return fails(removes) ? (type)-1 : NEXT(name) given;                                       \
    }
/* A write, which counts unless it is a message. */
#define WRITE(name, declared, given)                                                               \
    ssize_t name declared                                                                          \
    {                                                                                              \
        return fd != STDERR_FILENO && fails(false) ? -1 : NEXT(name) given;                        \
    }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
FOPEN(fopen)
FOPEN(fopen64)
CALL(int, creat, (const char *path, mode_t mode), (path, mode), false)

WRITE(write, (int fd, const void *bytes, size_t count), (fd, bytes, count))
WRITE(pwrite, (int fd, const void *bytes, size_t count, off_t at), (fd, bytes, count, at))
WRITE(pwrite64, (int fd, const void *bytes, size_t count, off64_t at), (fd, bytes, count, at))
WRITE(writev, (int fd, const struct iovec *parts, int count), (fd, parts, count))
WRITE(pwritev, (int fd, const struct iovec *parts, int count, off_t at), (fd, parts, count, at))

CALL(int, fsync, (int fd), (fd), false)
CALL(int, fdatasync, (int fd), (fd), false)
CALL(int, ftruncate, (int fd, off_t size), (fd, size), false)
CALL(int, ftruncate64, (int fd, off64_t size), (fd, size), false)
CALL(int, truncate, (const char *path, off_t size), (path, size), false)
CALL(int, fallocate, (int fd, int mode, off_t at, off_t size), (fd, mode, at, size), false)
CALL(int, rename, (const char *from, const char *to), (from, to), false)
CALL(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to), false)
CALL(int, renameat2, (int a, const char *from, int b, const char *to, unsigned flags),
     (a, from, b, to, flags), false)
CALL(int, mkdir, (const char *path, mode_t mode), (path, mode), false)
CALL(int, mkdirat, (int at, const char *path, mode_t mode), (at, path, mode), false)
CALL(int, unlink, (const char *path), (path), true)
CALL(int, unlinkat, (int at, const char *path, int flags), (at, path, flags), true)
CALL(int, rmdir, (const char *path), (path), true)
CALL(int, remove, (const char *path), (path), true)
// NOLINTEND(readability-inconsistent-declaration-parameter-name,bugprone-macro-parentheses)
