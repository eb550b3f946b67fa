#include "core/common.h"

#ifdef _OPENMP
#include <omp.h>
#include <stdlib.h>
#endif

void tw_common_apply(const tw_common *common)
{
#ifdef _OPENMP
    /* Without a number, OpenMP's own default stands: the cores this process may
     * run on, or OMP_NUM_THREADS. */
    if (common->threads > 0)
        omp_set_num_threads((int)common->threads);
#else
    (void)common;
#endif
}

/* Threads that wait for each other by spinning halve each other's speed as soon as the
 * machine has other work to do; sleeping costs microseconds a region. OpenMP reads its
 * environment before main, hence so early. The user's own setting holds. */
static void wait_asleep(void)
{
    setenv("OMP_WAIT_POLICY", "passive", 0);
}

__attribute__((section(".preinit_array"),
               used)) static void (*const before_libraries)(void) = wait_asleep;
