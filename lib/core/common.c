#include "core/common.h"

#ifdef _OPENMP
#include <omp.h>
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
