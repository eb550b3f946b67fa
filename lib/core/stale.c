#include "core/stale.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/memory.h"
#include "core/path.h"

const tw_temporary_names tw_file_temporaries = {".", ".", ".tmp"};
const tw_temporary_names tw_folder_temporaries = {".partial-", "-", ""};
const tw_temporary_names tw_folder_olds = {".partial-", "-", "-old"};

/* Of the target's name, so that the whole is no longer than a file system's limit. */
enum { NAME_BYTES = 200 };

char *tw_temporary_name(const tw_temporary_names *names, const char *target)
{
    static atomic_uint number;
    char *parent = tw_parent_path(target);
    char *name = tw_format(".%.*s%s%ld%s%u%s", NAME_BYTES, tw_base_name(target), names->before,
                           (long)getpid(), names->between, number++, names->after);
    char *path = tw_join_path(parent, name);
    free(name);
    free(parent);
    return path;
}

int tw_temporary_lock(int fd, const char *path)
{
    struct stat ours, there;
    /* Where locks are not to be had, nobody else takes it for stale either. */
    if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return -1;
    return fstat(fd, &ours) == 0 && lstat(path, &there) == 0 && ours.st_ino == there.st_ino ? 0
                                                                                            : -1;
}

static bool skip(const char **at, const char *text)
{
    const size_t length = strlen(text);
    if (strncmp(*at, text, length) != 0)
        return false;
    *at += length;
    return true;
}

static bool skip_number(const char **at, long *number)
{
    char *end = NULL;
    if (**at < '0' || **at > '9')
        return false;
    *number = strtol(*at, &end, 10);
    *at = end;
    return true;
}

/* The process that an entry of the target's folder is a temporary of; 0: it is none. */
static long owner_of(const tw_temporary_names *names, const char *target, const char *entry)
{
    char *head = tw_format(".%.*s%s", NAME_BYTES, tw_base_name(target), names->before);
    long process = 0, number = 0;
    const char *at = entry;
    bool matches = skip(&at, head) && skip_number(&at, &process) && skip(&at, names->between) &&
                   skip_number(&at, &number) && skip(&at, names->after) && *at == '\0';
    free(head);
    return matches ? process : 0;
}

/* A number may have passed to another process, this one too: then the lock alone decides. */
static bool is_gone(long process)
{
    return process == getpid() || (kill((pid_t)process, 0) < 0 && errno == ESRCH);
}

static void remove_if_unlocked(const char *path, const char *target,
                               void (*remove)(const char *path, const char *target))
{
    int lock = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (lock < 0)
        return;
    if (flock(lock, LOCK_EX | LOCK_NB) == 0)
        remove(path, target); /* a courtesy: what cannot be removed stays */
    close(lock);
}

void tw_remove_stale(const tw_temporary_names *names, const char *target,
                     void (*remove)(const char *path, const char *target))
{
    char *parent = tw_parent_path(target);
    DIR *stream = opendir(parent);
    for (const struct dirent *entry; stream && (entry = readdir(stream));) {
        long process = owner_of(names, target, entry->d_name);
        if (process <= 0 || !is_gone(process))
            continue;
        char *path = tw_join_path(parent, entry->d_name);
        remove_if_unlocked(path, target, remove);
        free(path);
    }
    if (stream)
        closedir(stream);
    free(parent);
}
