#include "core/atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/path.h"
#include "core/stale.h"

enum { SLOTS = 64, TRIES = 1000 };

struct tw_atomic_file {
    int fd, slot;
    char *given;            /* as the user named it */
    char *path, *temporary; /* what that means, and what is written */
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
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
    struct sigaction action = {.sa_handler = die}, old;
    for (int i = 0; i < 4; i++)
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

static void remove_stale_file(const char *path, const char *target)
{
    (void)target;
    unlink(path);
}

/* 0, or -1 with errno; EEXIST: try again. */
static int create_one(tw_atomic_file *file)
{
    file->temporary = tw_temporary_name(&tw_file_temporaries, file->path);
    file->slot = enter(file->temporary);
    file->fd =
        TEMP_FAILURE_RETRY(open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (file->fd >= 0 && tw_temporary_lock(file->fd, file->temporary) == 0)
        return 0;
    int saved = file->fd < 0 ? errno : EEXIST;
    if (file->fd >= 0)
        close(file->fd);
    leave(file->slot);
    free(file->temporary);
    file->temporary = NULL;
    file->fd = file->slot = -1;
    errno = saved;
    return -1;
}

static int create(tw_atomic_file *file)
{
    tw_remove_stale(&tw_file_temporaries, file->path, remove_stale_file);
    for (int i = 0; i < TRIES; i++) {
        if (create_one(file) == 0)
            return 0;
        if (errno != EEXIST)
            break;
    }
    return tw_fail("cannot create %s: %m", file->given);
}

static void release(tw_atomic_file *file)
{
    leave(file->slot);
    free(file->temporary);
    free(file->path);
    free(file->given);
    free(file);
}

static int check_name(const char *path)
{
    return *tw_base_name(path) ? 0 : tw_fail("'%s': not a name for a file", path);
}

/* What rename(2) would refuse in the end is refused now. */
static int check_replaceable(const tw_atomic_file *file, const struct stat *old)
{
    struct stat parent;
    char *folder = tw_parent_path(file->path);
    bool sticky = stat(folder, &parent) == 0 && parent.st_mode & S_ISVTX;
    free(folder);
    if (access(file->path, W_OK) < 0)
        return tw_fail("cannot write %s: %m", file->given);
    if (tw_is_mount_point(file->path))
        return tw_fail("cannot replace %s: it is mounted there; name a file in a folder",
                       file->given);
    if (sticky && geteuid() != 0 && old->st_uid != geteuid() && parent.st_uid != geteuid())
        return tw_fail("cannot replace %s: it is another user's, in a folder where only they may "
                       "remove it",
                       file->given);
    return 0;
}

tw_atomic_file *tw_atomic_open(const char *path)
{
    tw_atomic_file *file = tw_alloc(1, sizeof *file);
    *file = (tw_atomic_file){-1, -1, tw_strdup(path), tw_resolve_path(path), NULL};
    struct stat old;
    bool replaces = stat(file->path, &old) == 0;
    if (check_name(path) < 0 || (replaces && check_replaceable(file, &old) < 0) ||
        create(file) < 0) {
        release(file);
        return NULL;
    }
    if (replaces)
        fchmod(file->fd, old.st_mode & 0777); /* keeping the mode is a courtesy */
    return file;
}

int tw_atomic_fd(const tw_atomic_file *file)
{
    return file->fd;
}

int tw_atomic_commit(tw_atomic_file *file)
{
    int result = 0;
    if (TEMP_FAILURE_RETRY(fsync(file->fd)) < 0 && errno != EINVAL)
        result = tw_fail("cannot write %s: %m", file->given);
    if (close(file->fd) < 0 && errno != EINTR && result == 0)
        result = tw_fail("cannot write %s: %m", file->given);
    if (result == 0 && TEMP_FAILURE_RETRY(rename(file->temporary, file->path)) < 0)
        result = tw_fail("cannot rename to %s: %m", file->given);
    if (result < 0) {
        unlink(file->temporary);
    } else {
        char *folder = tw_parent_path(file->path);
        result = tw_sync_folder(folder);
        if (result < 0)
            tw_fail("%s: in place, but %s", file->given, tw_error());
        free(folder);
    }
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
