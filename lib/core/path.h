#ifndef TW_CORE_PATH_H
#define TW_CORE_PATH_H

#include <stdbool.h>

/* Names of files and folders. Returned strings are the caller's to free. */

/* The absolute path of what would be opened or created at `path`: links are followed, also a last
 * one that leads nowhere yet, and there is no slash at the end. What is missing on the way is kept
 * as it is written. */
char *tw_resolve_path(const char *path);

/* "dir" of "dir/name", "/" of "/name", "." of "name". */
char *tw_parent_path(const char *path);

/* "name" of "dir/name"; points into path. */
const char *tw_base_name(const char *path);

/* True when something is mounted on path, so that nothing can be renamed to it. */
bool tw_is_mount_point(const char *path);

/* fsync of a folder, so that renames in it last. Some file systems have none: that is a success. */
int tw_sync_folder(const char *path);

#endif
