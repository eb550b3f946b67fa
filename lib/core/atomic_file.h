#ifndef TW_CORE_ATOMIC_FILE_H
#define TW_CORE_ATOMIC_FILE_H

/* Files that appear whole or not at all: written under a temporary name beside
 * their place (`.NAME.PID.N.tmp`), renamed when complete. The temporaries of a
 * process are removed when it exits, and when SIGINT, SIGTERM, SIGHUP or SIGUSR1 ends it
 * (a handler is set for those of them whose action is the default one). */
typedef struct tw_atomic_file tw_atomic_file;

/* NULL on failure, with the path in the message; what a rename in the end would refuse (a mount
 * point, another user's file in a sticky folder) is refused here. A symbolic link is followed, so
 * that its target is replaced or made. Temporaries that dead processes left are removed. Not for
 * devices, pipes or folders. */
tw_atomic_file *tw_atomic_open(const char *path);

/* Owned by the file: do not close. */
int tw_atomic_fd(const tw_atomic_file *file);

/* fsync, close, rename, fsync of the folder. -1 on failure, and then nothing is
 * left behind. Frees in any case. */
int tw_atomic_commit(tw_atomic_file *file);

/* Removes the temporary and frees; accepts NULL. */
void tw_atomic_discard(tw_atomic_file *file);

/* Removes all temporaries of this process; async-signal-safe. */
void tw_atomic_remove_all(void);

#endif
