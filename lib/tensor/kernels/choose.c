#include "tensor/kernels/kernels.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"

extern const tw_kernels tw_kernels_scalar;

static bool always(void)
{
    return true;
}

#if defined(__x86_64__)
extern const tw_kernels tw_kernels_v3, tw_kernels_v4;

static bool has_v3(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi2");
}

static bool has_v4(void)
{
    return has_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}
#elif defined(__aarch64__)
extern const tw_kernels tw_kernels_neon;
#endif

/* Best first. */
static const struct {
    const tw_kernels *kernels;
    bool (*runs)(void);
} levels[] = {
#if defined(__x86_64__)
    {&tw_kernels_v4, has_v4},
    {&tw_kernels_v3, has_v3},
#elif defined(__aarch64__)
    {&tw_kernels_neon, always},
#endif
    {&tw_kernels_scalar, always},
};

enum { LEVELS = sizeof levels / sizeof *levels };

const tw_kernels *tw_kernel = &tw_kernels_scalar;

const tw_kernels *tw_kernels_at(size_t index)
{
    for (size_t i = 0; i < LEVELS; i++)
        if (levels[i].runs() && index-- == 0)
            return levels[i].kernels;
    return NULL;
}

bool tw_kernels_choose(const char *name)
{
    const tw_kernels *at;
    for (size_t i = 0; (at = tw_kernels_at(i)); i++)
        if (strcmp(at->name, name) == 0) {
            tw_kernel = at;
            return true;
        }
    return false;
}

int tw_kernels_check(void)
{
    const char *name = getenv("TW_KERNELS");
    if (!name || !*name || tw_kernels_choose(name))
        return 0;
    char *names = NULL;
    const tw_kernels *at;
    for (size_t i = 0; (at = tw_kernels_at(i)); i++) {
        char *longer = names ? tw_format("%s, %s", names, at->name) : tw_strdup(at->name);
        free(names);
        names = longer;
    }
    const int status =
        tw_fail("environment: TW_KERNELS is '%s': this processor has %s", name, names);
    free(names);
    return status;
}

__attribute__((constructor)) static void choose_at_start(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
#endif
    const char *name = getenv("TW_KERNELS");
    if (!name || !tw_kernels_choose(name))
        tw_kernel = tw_kernels_at(0);
}
