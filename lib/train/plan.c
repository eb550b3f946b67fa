#include "train/plan.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "model/footprint.h"

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

/* "4.3 MB", "21800 MB" */
static void append(tw_plan *plan, const char *before, size_t bytes, const char *after)
{
    double size = megabytes(bytes);
    size_t length = strlen(plan->text);
    snprintf(plan->text + length, sizeof plan->text - length, "%s%.*f MB %s", before,
             size < 10 ? 2 : 0, size, after);
}

void tw_plan_add(tw_plan *plan, size_t bytes, const char *what)
{
    if (bytes == 0)
        return;
    append(plan, plan->bytes ? ", " : "memory: ", bytes, what);
    if (__builtin_add_overflow(plan->bytes, bytes, &plan->bytes))
        plan->bytes = SIZE_MAX;
}

int tw_plan_check(tw_plan *plan, size_t available)
{
    append(plan, "; ", plan->bytes, "in all");
    append(plan, ", ", available, "are free");
    return plan->bytes > available ? tw_fail("not enough %s", plan->text) : 0;
}

int tw_plan_use(const tw_model *model, size_t cached, size_t rows, size_t available, tw_plan *plan)
{
    tw_footprint footprint;
    *plan = (tw_plan){0};
    if (tw_model_footprint(model, TW_USE_FROZEN, &footprint) < 0)
        return -1;
    tw_plan_add(plan, footprint.mapped, "of mapped weights");
    tw_plan_add(plan, footprint.values, "of weights");
    tw_plan_add(plan, rows * tw_model_row_bytes(model, false), "of activations");
    tw_plan_add(plan, tw_model_logit_bytes(model), "of logits");
    tw_plan_add(plan, cached * tw_model_cache_bytes(model), "of keys and values");
    return tw_plan_check(plan, available);
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
