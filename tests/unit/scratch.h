#ifndef TW_TESTS_SCRATCH_H
#define TW_TESTS_SCRATCH_H

#include <stddef.h>

/* A folder of a test's own, and whole files in it. Failures end the test. */

/* Makes the folder and goes there; a cmocka setup. */
int scratch_enter(void **state);
/* Leaves it and removes it with what is in it; a cmocka teardown. */
int scratch_leave(void **state);

/* Removes any folder with what is in it. */
void scratch_remove(const char *path);

void scratch_write(const char *path, const void *bytes, size_t size);
void scratch_text(const char *path, const char *text);
/* A NUL follows; the caller frees. */
char *scratch_read(const char *path, size_t *size);
/* Files in the scratch folder (not `.` and `..`), hidden ones included. */
int scratch_count(void);

/* What is written to descriptor `fd` (1, 2) from now on goes to the file `path`;
 * scratch_restore(fd) ends that. */
void scratch_redirect(int fd, const char *path);
void scratch_restore(int fd);

#endif
