#ifndef TW_CORE_START_H
#define TW_CORE_START_H

#include <stddef.h>

/* What has to be settled before the constructors of the libraries run. core/common.c links it.
 *
 * - OpenMP's threads sleep at barriers after a moment. By default they spin for milliseconds, which
 *   makes a program many times slower as soon as other processes want its cores. libgomp reads
 *   OMP_WAIT_POLICY and GOMP_SPINCOUNT in its constructor; when neither is set it gets
 *   GOMP_SPINCOUNT=2000. The user's own setting holds.
 * - OpenBLAS takes address space for each thread in its constructor, and tries for ever where there
 *   is none. Under a limit (ulimit -v, -d) that is too small for it, the process ends with a
 *   message and TW_EXIT_DATA. */
void tw_before_libraries(int argc, char **argv, char **envp);

/* Address space that OpenBLAS takes for a thread, in bytes. */
#define TW_BLAS_BUFFER ((size_t)128 << 20)

#endif
