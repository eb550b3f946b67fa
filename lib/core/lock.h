#ifndef TW_CORE_LOCK_H
#define TW_CORE_LOCK_H

/* Only one process at a time writes a place. The lock is a flock on `.NAME.lock` beside it, which
 * the kernel releases when the process dies, whatever ends it; the file itself is removed at
 * release, and one that a killed process left does no harm. File systems without flock lock
 * nothing. */

typedef struct tw_lock tw_lock;

/* NULL when another process holds it, with a message that names path. */
tw_lock *tw_lock_take(const char *path);

void tw_lock_release(tw_lock *lock); /* accepts NULL */

#endif
