#ifndef TW_CORE_FILE_H
#define TW_CORE_FILE_H

#include <stddef.h>

/* Small files, whole. Messages name the file. */

/* The content of a regular file of at most `limit` bytes, a NUL after it. The
 * caller frees. NULL on failure. */
char *tw_read_file(const char *path, size_t limit, size_t *size);

/* Creates or replaces path, fsyncs and closes it; on failure the file is removed. */
int tw_write_file(const char *path, const void *bytes, size_t size);

/* write(2) until all is written. 0 or -1 with errno; sets no message. */
int tw_write_all(int fd, const void *bytes, size_t size);

/* From here on a write to a pipe that nobody reads, and one beyond the limit of a file's size, is
 * an error of the call (EPIPE, EFBIG) and no longer a signal that ends the process. A handler that
 * is set stays. */
void tw_write_errors(void);

/* "folder/name"; the caller frees. */
char *tw_join_path(const char *folder, const char *name);

#endif
