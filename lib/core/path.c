#include "core/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"

enum { LINKS = 40 }; /* as many as Linux follows */

static char *without_slashes(const char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    return tw_format("%.*s", (int)length, path);
}

const char *tw_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *tw_parent_path(const char *path)
{
    const char *name = tw_base_name(path);
    if (name == path)
        return tw_strdup(".");
    return name == path + 1 ? tw_strdup("/") : tw_format("%.*s", (int)(name - path - 1), path);
}

/* Where the link at path leads, or NULL when there is none. */
static char *follow(const char *path)
{
    char text[PATH_MAX];
    ssize_t length = readlink(path, text, sizeof text - 1);
    if (length < 0)
        return NULL;
    text[length] = '\0';
    if (*text == '/')
        return without_slashes(text);
    char *parent = tw_parent_path(path), *joined = tw_join_path(parent, text);
    char *target = without_slashes(joined);
    free(joined);
    free(parent);
    return target;
}

char *tw_resolve_path(const char *path)
{
    char *whole = realpath(path, NULL);
    if (whole)
        return whole;
    char *last = without_slashes(path), *next = NULL;
    for (int i = 0; i < LINKS && (next = follow(last)); i++) {
        free(last);
        last = next;
    }
    char *given = tw_parent_path(last);
    const bool top = strcmp(given, last) == 0 || !*last;
    char *parent = top ? NULL : tw_resolve_path(given);
    char *resolved = top ? tw_strdup(last) : tw_join_path(parent, tw_base_name(last));
    free(parent);
    free(given);
    free(last);
    return resolved;
}

bool tw_is_mount_point(const char *path)
{
    struct statx status;
    return statx(AT_FDCWD, path, AT_NO_AUTOMOUNT, STATX_TYPE, &status) == 0 &&
           status.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

int tw_sync_folder(const char *path)
{
    int fd = TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd < 0)
        return errno == EACCES ? 0 : tw_fail("cannot sync %s: %m", path);
    int status = 0;
    if (TEMP_FAILURE_RETRY(fsync(fd)) < 0 && errno != EINVAL && errno != EROFS)
        status = tw_fail("cannot sync %s: %m", path);
    close(fd);
    return status;
}
