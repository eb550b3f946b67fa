#include "core/common.h"

#include <malloc.h>
#include <omp.h>

#include "core/error.h"
#include "core/file.h"
#include "core/start.h"

/* Links core/start.c, which acts before main. */
static void (*const started)(int, char **, char **) __attribute__((used)) = tw_before_libraries;

/* By default glibc keeps more and more of what is freed, by the sizes that it has seen. What a plan
 * says is only taken when large memory goes back as soon as it is free. */
static void give_back_what_is_large(void)
{
#ifdef M_MMAP_THRESHOLD
    mallopt(M_MMAP_THRESHOLD, 2 << 20);
#endif
}

/* As many threads as are asked for must be as many as run: OpenBLAS shares out its work before the
 * threads start, and waits for all shares. */
static void set_threads(int64_t wanted)
{
    const int limit = omp_get_thread_limit();
    int threads = wanted > 0 ? (int)wanted : omp_get_max_threads();
    if (omp_get_dynamic())
        tw_warn("OMP_DYNAMIC is ignored: the number of threads has to be fixed");
    if (threads > limit && wanted > 0)
        tw_warn("OMP_THREAD_LIMIT allows %d of the %d threads asked for", limit, threads);
    omp_set_dynamic(0);
    omp_set_num_threads(threads < limit ? threads : limit);
}

void tw_common_apply(const tw_common *common)
{
    give_back_what_is_large();
    tw_write_errors();
    set_threads(common->threads);
}
