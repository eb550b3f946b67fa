#include "core/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/path.h"

struct tw_lock {
    char *path;
    int fd;
};

/* NULL: path is empty, or the root. */
static char *lock_path(const char *path)
{
    char *target = tw_resolve_path(path), *parent = tw_parent_path(target);
    char *name = tw_format(".%s.lock", tw_base_name(target));
    char *joined = *tw_base_name(target) ? tw_join_path(parent, name) : NULL;
    free(name);
    free(parent);
    free(target);
    return joined;
}

/* False when the last holder removed the file before we had its lock. */
static bool is_there(const tw_lock *lock)
{
    struct stat ours, there;
    return fstat(lock->fd, &ours) == 0 && stat(lock->path, &there) == 0 &&
           ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

/* 1: taken; 0: to be tried again; -1: failed. */
static int try_once(tw_lock *lock, const char *path)
{
    lock->fd = TEMP_FAILURE_RETRY(
        open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666));
    if (lock->fd < 0)
        return tw_fail("cannot create %s: %m", path);
    if (flock(lock->fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return tw_fail("%s: another process is writing it (it holds %s)", path, lock->path);
    if (is_there(lock))
        return 1;
    close(lock->fd);
    lock->fd = -1;
    return 0;
}

tw_lock *tw_lock_take(const char *path)
{
    char *file = lock_path(path);
    if (!file) {
        tw_fail("'%s': not a name", path);
        return NULL;
    }
    tw_lock *lock = tw_alloc(1, sizeof *lock);
    *lock = (tw_lock){file, -1};
    int status = 0;
    while (status == 0)
        status = try_once(lock, path);
    if (status > 0)
        return lock;
    if (lock->fd >= 0)
        close(lock->fd);
    free(lock->path);
    free(lock);
    return NULL;
}

void tw_lock_release(tw_lock *lock)
{
    if (!lock)
        return;
    unlink(lock->path);
    close(lock->fd);
    free(lock->path);
    free(lock);
}
