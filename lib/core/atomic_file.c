#include "core/atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/memory.h"

enum { SLOTS = 64, TRIES = 1000, NAME_BYTES = 200 };

struct tw_atomic_file {
    int fd, slot;
    char *path, *temporary;
};

/* What a signal handler may read: names still to be removed, and whose they are
 * (a forked child must not remove its parent's). */
static char *volatile registry[SLOTS];
static volatile pid_t owner;
static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;

void tw_atomic_remove_all(void)
{
    if (owner != getpid())
        return;
    for (int i = 0; i < SLOTS; i++)
        if (registry[i])
            unlink(registry[i]);
}

static void die(int number)
{
    int saved = errno;
    tw_atomic_remove_all();
    signal(number, SIG_DFL);
    raise(number); /* delivered when this handler returns */
    errno = saved;
}

static void install(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = die}, old;
    for (int i = 0; i < 3; i++)
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
            sigaction(numbers[i], &action, NULL);
    if (!owner)
        atexit(tw_atomic_remove_all);
    owner = getpid();
}

/* -1 when the registry is full: then only the ordinary paths remove the file. */
static int enter(char *name)
{
    int slot = -1;
    pthread_mutex_lock(&registry_lock);
    if (owner != getpid())
        install();
    for (int i = 0; i < SLOTS && slot < 0; i++)
        if (!registry[i])
            slot = i;
    if (slot >= 0)
        registry[slot] = name;
    pthread_mutex_unlock(&registry_lock);
    return slot;
}

static void leave(int slot)
{
    if (slot < 0)
        return;
    pthread_mutex_lock(&registry_lock);
    registry[slot] = NULL;
    pthread_mutex_unlock(&registry_lock);
}

/* `dir/.name.PID.N.tmp` for `dir/name`; the caller frees. */
static char *temporary_name(const char *path, unsigned number)
{
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash - path) + 1 : 0;
    return tw_format("%.*s.%.*s.%ld.%u.tmp", folder, path, NAME_BYTES, path + folder,
                     (long)getpid(), number);
}

static int create(tw_atomic_file *file)
{
    static _Atomic unsigned number;
    for (int i = 0; i < TRIES; i++) {
        char *name = temporary_name(file->path, number++);
        int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0) {
            file->fd = fd;
            file->temporary = name;
            file->slot = enter(name);
            return 0;
        }
        free(name);
        if (errno != EEXIST)
            break;
    }
    return tw_fail("cannot create %s: %m", file->path);
}

static void release(tw_atomic_file *file)
{
    leave(file->slot);
    free(file->temporary);
    free(file->path);
    free(file);
}

tw_atomic_file *tw_atomic_open(const char *path)
{
    tw_atomic_file *file = tw_alloc(1, sizeof *file);
    *file = (tw_atomic_file){-1, -1, NULL, NULL};
    char *target = realpath(path, NULL);
    file->path = tw_strdup(target ? target : path);
    free(target);
    struct stat old;
    bool replaces = stat(file->path, &old) == 0;
    if (replaces && access(file->path, W_OK) < 0) {
        tw_fail("cannot write %s: %m", path);
        goto failed;
    }
    if (create(file) < 0)
        goto failed;
    if (replaces)
        fchmod(file->fd, old.st_mode & 0777); /* keeping the mode is a courtesy */
    return file;
failed:
    release(file);
    return NULL;
}

int tw_atomic_fd(const tw_atomic_file *file)
{
    return file->fd;
}

/* Makes a rename last. Some file systems have no fsync of folders. */
static int sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? tw_format("%.*s", (int)(slash - path) + 1, path) : tw_strdup(".");
    int result = 0;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        if (fsync(fd) < 0 && errno != EINVAL && errno != EROFS)
            result = tw_fail("cannot sync %s: %m", folder);
        close(fd);
    }
    free(folder);
    return result;
}

int tw_atomic_commit(tw_atomic_file *file)
{
    int result = 0;
    if (fsync(file->fd) < 0 && errno != EINVAL)
        result = tw_fail("cannot write %s: %m", file->path);
    if (close(file->fd) < 0 && result == 0)
        result = tw_fail("cannot write %s: %m", file->path);
    if (result == 0 && rename(file->temporary, file->path) < 0)
        result = tw_fail("cannot rename to %s: %m", file->path);
    if (result < 0)
        unlink(file->temporary);
    else
        result = sync_folder(file->path);
    release(file);
    return result;
}

void tw_atomic_discard(tw_atomic_file *file)
{
    if (!file)
        return;
    close(file->fd);
    unlink(file->temporary);
    release(file);
}
