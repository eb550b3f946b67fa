#include "core/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/folder-names.h"
#include "core/memory.h"
#include "core/path.h"
#include "core/stale.h"

enum { TRIES = 1000 };

struct tw_folder {
    char *given;  /* as the user named it */
    char *target; /* what that means */
    char *temporary;
    tw_folder_kind kind;
    int lock; /* a flock on the temporary, for as long as this process lives */
};

static void free_folder(tw_folder *folder)
{
    if (folder->lock >= 0)
        close(folder->lock);
    free(folder->given);
    free(folder->target);
    free(folder->temporary);
    free(folder);
}

/* Removes the files of ours in path, then the folder if it is empty. */
static void remove_ours(const char *path)
{
    DIR *stream = opendir(path);
    if (!stream)
        return;
    int folder = dirfd(stream);
    for (const struct dirent *entry; (entry = readdir(stream));)
        if (tw_folder_name_known(entry->d_name))
            TEMP_FAILURE_RETRY(unlinkat(folder, entry->d_name, 0));
    closedir(stream);
    TEMP_FAILURE_RETRY(rmdir(path));
}

static void remove_partial(const char *path, const char *target)
{
    (void)target;
    remove_ours(path);
}

/* A process died between two renames: the old result goes back to its place. */
static void put_back(const char *path, const char *target)
{
    if (access(target, F_OK) < 0 && errno == ENOENT)
        TEMP_FAILURE_RETRY(rename(path, target));
    else
        remove_ours(path);
}

static int check_name(const char *path, const char *target)
{
    const char *name = tw_base_name(target);
    if (!*path || !*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return tw_fail("'%s': not a name for a folder", path);
    return 0;
}

static int check_replaceable(const char *path, const char *target, tw_folder_kind kind)
{
    struct stat status;
    if (stat(target, &status) < 0)
        return errno == ENOENT ? 0 : tw_fail("%s: %m", path);
    if (!S_ISDIR(status.st_mode))
        return tw_fail("%s: is a file, expected a folder to replace or a new name", path);
    if (tw_is_mount_point(target))
        return tw_fail("%s: something is mounted there, so no other folder can take its place: "
                       "name a folder in it",
                       path);
    char *foreign = tw_folder_foreign(target, kind);
    if (!foreign)
        return 0;
    tw_fail("%s: %s, so it will not be replaced: move that away, or name another folder", path,
            foreign);
    free(foreign);
    return -1;
}

static int make_temporary(tw_folder *folder)
{
    for (int i = 0; i < TRIES; i++) {
        folder->temporary = tw_temporary_name(&tw_folder_temporaries, folder->target);
        if (TEMP_FAILURE_RETRY(mkdir(folder->temporary, 0777)) == 0) {
            folder->lock = open(folder->temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            if (folder->lock >= 0 && tw_temporary_lock(folder->lock, folder->temporary) == 0)
                return 0;
            if (folder->lock >= 0)
                close(folder->lock);
            folder->lock = -1;
        } else if (errno != EEXIST) {
            break;
        }
        free(folder->temporary);
        folder->temporary = NULL;
    }
    return tw_fail("cannot create %s: %m", folder->given);
}

tw_folder *tw_folder_open(const char *path, tw_folder_kind kind)
{
    tw_folder *folder = tw_alloc(1, sizeof *folder);
    *folder = (tw_folder){tw_strdup(path), tw_resolve_path(path), NULL, kind, -1};
    if (check_name(path, folder->target) == 0) {
        tw_remove_stale(&tw_folder_olds, folder->target, put_back);
        tw_remove_stale(&tw_folder_temporaries, folder->target, remove_partial);
        if (check_replaceable(path, folder->target, kind) == 0 && make_temporary(folder) == 0)
            return folder;
    }
    free_folder(folder);
    return NULL;
}

const char *tw_folder_path(const tw_folder *folder)
{
    return folder->temporary;
}

void tw_folder_discard(tw_folder *folder)
{
    if (!folder)
        return;
    remove_ours(folder->temporary);
    free_folder(folder);
}

static int sync_file(const char *path)
{
    int fd = TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (fd < 0)
        return tw_fail("cannot read %s: %m", path);
    int status = 0;
    if (TEMP_FAILURE_RETRY(fsync(fd)) < 0 && errno != EINVAL && errno != EROFS)
        status = tw_fail("cannot write %s: %m", path);
    close(fd);
    return status;
}

static int sync_files(const char *folder)
{
    DIR *stream = opendir(folder);
    if (!stream)
        return tw_fail("%s: %m", folder);
    int status = 0;
    for (const struct dirent *entry; status == 0 && (entry = readdir(stream));) {
        if (entry->d_name[0] == '.')
            continue;
        char *path = tw_join_path(folder, entry->d_name);
        status = sync_file(path);
        free(path);
    }
    closedir(stream);
    return status < 0 ? -1 : tw_sync_folder(folder);
}

/* What is written must be what can be replaced the next time. */
static int check_names(const tw_folder *folder)
{
    char *foreign = tw_folder_foreign(folder->temporary, folder->kind);
    if (!foreign)
        return 0;
    tw_fail("%s: %s: it is missing in the list of names in lib/core/folder-names.c", folder->given,
            foreign);
    free(foreign);
    return -1;
}

/* Puts `from` in the place of `to`; what was there is then at `from`. */
static int exchange(const char *from, const char *to)
{
    if (TEMP_FAILURE_RETRY(renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE)) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    /* The file system has no exchange: for a moment there is nothing at `to`. */
    char *old = tw_temporary_name(&tw_folder_olds, to);
    int status = TEMP_FAILURE_RETRY(rename(to, old));
    if (status == 0) {
        status = TEMP_FAILURE_RETRY(rename(from, to));
        int saved = errno;
        TEMP_FAILURE_RETRY(rename(old, status == 0 ? from : to));
        errno = saved;
    }
    free(old);
    return status;
}

static int put_in_place(const tw_folder *folder)
{
    bool replaces = access(folder->target, F_OK) == 0;
    int status = replaces ? exchange(folder->temporary, folder->target)
                          : TEMP_FAILURE_RETRY(rename(folder->temporary, folder->target));
    if (status < 0)
        return tw_fail("cannot put %s in place: %m", folder->given);
    if (replaces)
        remove_ours(folder->temporary);
    char *parent = tw_parent_path(folder->target);
    status = tw_sync_folder(parent);
    free(parent);
    return status < 0 ? tw_fail("%s: in place, but %s", folder->given, tw_error()) : 0;
}

int tw_folder_commit(tw_folder *folder)
{
    if (sync_files(folder->temporary) < 0 || check_names(folder) < 0 ||
        check_replaceable(folder->given, folder->target, folder->kind) < 0 ||
        put_in_place(folder) < 0) {
        tw_folder_discard(folder);
        return -1;
    }
    free_folder(folder);
    return 0;
}

/* Takes the room, so that a disk that is too full says so now. */
static int try_room(const tw_folder *folder, size_t bytes)
{
    char *path = tw_join_path(folder->temporary, tw_folder_weights(folder->kind));
    int fd = TEMP_FAILURE_RETRY(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    int status = fd < 0 ? tw_fail("cannot create %s: %m", path) : 0;
    if (fd >= 0 && bytes > 0 && TEMP_FAILURE_RETRY(fallocate(fd, 0, 0, (off_t)bytes)) < 0 &&
        errno != EOPNOTSUPP && errno != ENOSYS)
        status = tw_fail("cannot write %zu bytes to %s: %m", bytes, folder->given);
    if (fd >= 0)
        close(fd);
    unlink(path);
    free(path);
    return status;
}

/* The rename of a commit, where there is a folder: onto one that is not empty it fails for that
 * alone, and an empty one is as good as ours. Where there is none, making the temporary has shown
 * that names can be made there. */
static int try_rename(const tw_folder *folder)
{
    if (access(folder->target, F_OK) < 0 && errno == ENOENT)
        return 0;
    if (TEMP_FAILURE_RETRY(rename(folder->temporary, folder->target)) == 0 || errno == ENOTEMPTY ||
        errno == EEXIST)
        return 0;
    return tw_fail("cannot put a folder in the place of %s: %m", folder->given);
}

int tw_folder_try(const char *path, tw_folder_kind kind, size_t bytes)
{
    tw_folder *folder = tw_folder_open(path, kind);
    if (!folder)
        return -1;
    int status = try_room(folder, bytes);
    if (status == 0)
        status = try_rename(folder);
    tw_folder_discard(folder);
    return status;
}

int tw_folder_remove(const char *path, tw_folder_kind kind)
{
    char *target = tw_resolve_path(path), *aside = NULL, *foreign = NULL;
    int status = 0;
    if (access(target, F_OK) < 0 && errno == ENOENT)
        goto out;
    foreign = tw_folder_foreign(target, kind);
    aside = tw_temporary_name(&tw_folder_temporaries, target);
    if (foreign)
        status = tw_fail("%s: %s, so it is not removed", path, foreign);
    else if (TEMP_FAILURE_RETRY(rename(target, aside)) < 0)
        status = tw_fail("cannot remove %s: %m", path);
    else
        remove_ours(aside);
out:
    free(foreign);
    free(aside);
    free(target);
    return status;
}
