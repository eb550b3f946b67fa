#include "train/plan.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

size_t tw_memory_available(void)
{
    static const char FIELD[] = "MemAvailable:";
    size_t bytes = SIZE_MAX;
    char line[128];
    FILE *file = fopen("/proc/meminfo", "re");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, FIELD, strlen(FIELD)) == 0)
            bytes = (size_t)strtoull(line + strlen(FIELD), NULL, 10) * 1024;
    if (file)
        fclose(file);
    return bytes;
}

static double megabytes(size_t bytes)
{
    return (double)bytes / (1 << 20);
}

int tw_plan_memory(const tw_params *params, bool keeps_best, size_t available, char *text,
                   size_t size)
{
    size_t one = params->size * sizeof(float), copies = keeps_best ? 5 : 4;
    snprintf(text, size, "%.4g M parameters, %.4g MB with gradients, moments%s",
             (double)tw_params_values(params) / 1e6, megabytes(copies * one),
             keeps_best ? " and the best weights" : "");
    /* The values themselves are there already. */
    size_t more = (copies - 1) * one;
    if (more > available)
        return tw_fail("not enough memory: %s, of which %.4g MB are still to be taken and %.4g MB "
                       "are free",
                       text, megabytes(more), megabytes(available));
    return 0;
}
