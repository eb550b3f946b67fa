#include "core/common.h"

#ifdef _OPENMP
#include <malloc.h>
#include <omp.h>
#include <stdlib.h>
#endif

/* By default glibc keeps more and more of what is freed, by the sizes that it has seen. What a plan
 * says is only taken when large memory goes back as soon as it is free. */
static void give_back_what_is_large(void)
{
#ifdef M_MMAP_THRESHOLD
    mallopt(M_MMAP_THRESHOLD, 2 << 20);
#endif
}

void tw_common_apply(const tw_common *common)
{
    give_back_what_is_large();
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
