#ifndef TW_CORE_AVAILABLE_H
#define TW_CORE_AVAILABLE_H

#include <stddef.h>

/* Bytes that could be used now without swapping: MemAvailable of Linux, or what the memory limits
 * of the process's control groups (version 1 or 2, those of all ancestors) leave, if that is less.
 * Pages of files in memory count as available, for they are given up when memory is wanted.
 * Under a limit on the process (RLIMIT_AS, RLIMIT_DATA) it is at most what that leaves beside the
 * stacks and buffers of all threads. SIZE_MAX where nothing of this is known. */
size_t tw_memory_available(void);

/* The same without limits on the process, with /proc and /sys/fs/cgroup in the folder `root`, for
 * tests. */
size_t tw_memory_available_in(const char *root);

#endif
