#ifndef TW_CORE_STALE_H
#define TW_CORE_STALE_H

/* Temporaries that were left behind by processes that are gone. The name of a temporary is that
 * of its target with the number of its process, and its owner holds a flock on it. */

typedef struct tw_temporary_names {
    const char *before, *between, *after; /* ".NAME" before PID between N after */
} tw_temporary_names;

/* ".NAME.PID.N.tmp", files. */
extern const tw_temporary_names tw_file_temporaries;
/* ".NAME.partial-PID-N", folders; the old result, for a moment, where a file system cannot exchange
 * two folders: ".NAME.partial-PID-N-old". */
extern const tw_temporary_names tw_folder_temporaries, tw_folder_olds;

/* A new name beside target (an absolute or relative path). The caller frees. */
char *tw_temporary_name(const tw_temporary_names *names, const char *target);

/* Takes the lock of a fresh temporary that is open as fd. -1 when somebody took it for a stale one
 * in the meantime: then make another. */
int tw_temporary_lock(int fd, const char *path);

/* Calls remove(path, target) for each stale temporary of target. */
void tw_remove_stale(const tw_temporary_names *names, const char *target,
                     void (*remove)(const char *path, const char *target));

#endif
