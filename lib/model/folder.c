/* Folders that appear whole. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "model/model.h"

enum { TRIES = 1000, TREE_FILES = 16 };

/* The locks of this process's temporaries. A temporary that nobody locks was left
 * behind by a process that was killed. */
typedef struct held {
    char *path;
    int lock;
    struct held *next;
} held;

static held *all_held;
static pthread_mutex_t all_held_lock = PTHREAD_MUTEX_INITIALIZER;

static void hold(const char *path, int lock)
{
    held *entry = tw_alloc(1, sizeof *entry);
    pthread_mutex_lock(&all_held_lock);
    *entry = (held){tw_strdup(path), lock, all_held};
    all_held = entry;
    pthread_mutex_unlock(&all_held_lock);
}

static void let_go(const char *path)
{
    pthread_mutex_lock(&all_held_lock);
    for (held **at = &all_held; *at; at = &(*at)->next) {
        held *entry = *at;
        if (strcmp(entry->path, path) != 0)
            continue;
        *at = entry->next;
        close(entry->lock);
        free(entry->path);
        free(entry);
        break;
    }
    pthread_mutex_unlock(&all_held_lock);
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

static int remove_tree(const char *path)
{
    return nftw(path, remove_entry, TREE_FILES, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* What path means: links followed if there is something, no slash at its end. */
static char *resolve(const char *path)
{
    char *target = realpath(path, NULL);
    if (target)
        return target;
    target = tw_strdup(path);
    size_t length = strlen(target);
    while (length > 1 && target[length - 1] == '/')
        target[--length] = '\0';
    return target;
}

static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* "dir/" of "dir/name", "./" of "name". The caller frees. */
static char *parent_of(const char *path)
{
    size_t length = folder_length(path);
    return length ? tw_format("%.*s", (int)length, path) : tw_strdup("./");
}

static bool holds(const char *folder, const char *name)
{
    char *path = tw_join_path(folder, name);
    bool found = access(path, F_OK) == 0;
    free(path);
    return found;
}

static bool is_empty(const char *folder)
{
    DIR *stream = opendir(folder);
    if (!stream)
        return false;
    bool empty = true;
    for (const struct dirent *entry; empty && (entry = readdir(stream));)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(stream);
    return empty;
}

/* Nothing but what we, or transformers, wrote is replaced. */
static int check_replaceable(const char *target)
{
    struct stat status;
    if (stat(target, &status) < 0)
        return errno == ENOENT ? 0 : tw_fail("%s: %s", target, strerror(errno));
    if (!S_ISDIR(status.st_mode))
        return tw_fail("%s: is a file, expected a folder to replace or a new name", target);
    if (is_empty(target) || holds(target, "config.json") || holds(target, "state.json") ||
        holds(target, "adapter_config.json"))
        return 0;
    return tw_fail("%s: holds neither a model nor a checkpoint, it will not be replaced", target);
}

/* Beginning of the names of temporaries of target: ".NAME.partial-". */
static char *temporary_prefix(const char *target)
{
    return tw_format(".%s.partial-", target + folder_length(target));
}

static void remove_if_stale(const char *path)
{
    int lock = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (lock < 0)
        return;
    if (flock(lock, LOCK_EX | LOCK_NB) == 0)
        remove_tree(path); /* a courtesy: what cannot be removed stays */
    close(lock);
}

static void remove_stale(const char *target)
{
    char *parent = parent_of(target), *prefix = temporary_prefix(target);
    DIR *stream = opendir(parent);
    for (const struct dirent *entry; stream && (entry = readdir(stream));)
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0) {
            char *path = tw_join_path(parent, entry->d_name);
            remove_if_stale(path);
            free(path);
        }
    if (stream)
        closedir(stream);
    free(prefix);
    free(parent);
}

static char *make_temporary(const char *target)
{
    static atomic_uint number;
    char *parent = parent_of(target), *prefix = temporary_prefix(target), *path = NULL;
    int made = -1;
    for (int i = 0; i < TRIES && made < 0; i++) {
        free(path);
        path = tw_format("%s%s%ld-%u", parent, prefix, (long)getpid(), number++);
        made = mkdir(path, 0777);
        if (made < 0 && errno != EEXIST)
            break;
    }
    int lock = made == 0 ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (lock < 0) {
        tw_fail("cannot create %s: %s", target, strerror(errno));
        free(path);
        path = NULL;
    } else {
        /* Where locks are not to be had, nobody else takes them for stale either. */
        (void)flock(lock, LOCK_EX | LOCK_NB);
        hold(path, lock);
    }
    free(prefix);
    free(parent);
    return path;
}

char *tw_folder_begin(const char *path)
{
    char *target = resolve(path), *temporary = NULL;
    const char *name = target + folder_length(target);
    if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        tw_fail("'%s': not a name for a folder", path);
    } else if (check_replaceable(target) == 0) {
        remove_stale(target);
        temporary = make_temporary(target);
    }
    free(target);
    return temporary;
}

static int sync_path(const char *path, int flags)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    if (fd < 0)
        return tw_fail("%s: %s", path, strerror(errno));
    /* Some file systems have no fsync of folders. */
    int status = fsync(fd) < 0 && errno != EINVAL && errno != EROFS ? -1 : 0;
    if (status < 0)
        tw_fail("cannot sync %s: %s", path, strerror(errno));
    close(fd);
    return status;
}

static int sync_folder(const char *folder)
{
    DIR *stream = opendir(folder);
    if (!stream)
        return tw_fail("%s: %s", folder, strerror(errno));
    int status = 0;
    for (const struct dirent *entry; status == 0 && (entry = readdir(stream));) {
        if (entry->d_name[0] == '.')
            continue;
        char *path = tw_join_path(folder, entry->d_name);
        status = sync_path(path, O_NONBLOCK);
        free(path);
    }
    closedir(stream);
    return status < 0 ? -1 : sync_path(folder, O_DIRECTORY);
}

/* Puts temporary in the place of target; what was there is then at temporary. */
static int exchange(const char *temporary, const char *target)
{
    if (renameat2(AT_FDCWD, temporary, AT_FDCWD, target, RENAME_EXCHANGE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    /* The file system has no exchange: for a moment there is nothing at target. */
    char *old = tw_format("%s-old", temporary);
    int status = rename(target, old);
    if (status == 0) {
        status = rename(temporary, target);
        int saved = errno;
        if (rename(old, status == 0 ? temporary : target) < 0 && status == 0)
            status = -1;
        else
            errno = saved;
    }
    free(old);
    return status;
}

int tw_folder_commit(const char *temporary, const char *path)
{
    if (sync_folder(temporary) < 0)
        return -1;
    char *target = resolve(path), *parent = parent_of(target);
    bool replaces = access(target, F_OK) == 0;
    int status = replaces ? exchange(temporary, target) : rename(temporary, target);
    if (status < 0) {
        tw_fail("cannot put %s in place: %s", target, strerror(errno));
    } else {
        if (replaces)
            remove_tree(temporary);
        let_go(temporary);
        status = sync_path(parent, O_DIRECTORY);
    }
    free(parent);
    free(target);
    return status;
}

void tw_folder_abort(const char *temporary)
{
    if (!temporary)
        return;
    remove_tree(temporary);
    let_go(temporary);
}
