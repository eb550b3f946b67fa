#include "core/plan.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"

/* What makes a part smaller. */
typedef enum kind { FIXED, OF_TRAINING, OF_THE_BATCH } kind;

static const struct {
    const char *name;
    kind kind;
} parts[TW_PLAN_PARTS] = {
    [TW_PLAN_MAPPED] = {"of mapped weights", FIXED},
    [TW_PLAN_WEIGHTS] = {"of weights", FIXED},
    [TW_PLAN_ADAPTER] = {"of an adapter", FIXED},
    [TW_PLAN_GRADIENTS] = {"of gradients", OF_TRAINING},
    [TW_PLAN_MOMENTS] = {"of moments", OF_TRAINING},
    [TW_PLAN_BEST] = {"of the best weights", OF_TRAINING},
    [TW_PLAN_MERGE] = {"to merge", FIXED},
    [TW_PLAN_ACTIVATIONS] = {"of activations", OF_THE_BATCH},
    [TW_PLAN_LOGITS] = {"of logits", FIXED},
    [TW_PLAN_CACHE] = {"of keys and values", OF_THE_BATCH},
    [TW_PLAN_CROSS] = {"of keys and values of encoded prompts", OF_THE_BATCH},
    [TW_PLAN_SCRATCH] = {"of scratch", FIXED},
    [TW_PLAN_RECORDS] = {"of records' values", OF_THE_BATCH},
};

void tw_plan_begin(tw_plan *plan, const char *owner)
{
    assert(plan->count < TW_PLAN_SHARES);
    plan->shares[plan->count++] = (tw_plan_share){.owner = owner};
}

static void add(size_t *to, size_t bytes)
{
    if (__builtin_add_overflow(*to, bytes, to))
        *to = SIZE_MAX;
}

void tw_plan_add(tw_plan *plan, tw_plan_part part, size_t bytes)
{
    if (plan->count == 0)
        tw_plan_begin(plan, NULL);
    add(&plan->shares[plan->count - 1].bytes[part], bytes);
    add(&plan->bytes, bytes);
    if (part == TW_PLAN_MAPPED)
        add(&plan->mapped, bytes);
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

size_t tw_plan_of(const tw_plan *plan, const char *owner, tw_plan_part part)
{
    for (size_t i = 0; i < plan->count; i++)
        if (same(plan->shares[i].owner, owner))
            return plan->shares[i].bytes[part];
    return 0;
}

/* "4.3 MB", "21800 MB"; what does not fit the text is left out. */
static void tell(tw_plan *plan, const char *before, size_t bytes, const char *after)
{
    const double size = (double)bytes / (1 << 20);
    const size_t length = strlen(plan->text);
    snprintf(plan->text + length, sizeof plan->text - length, "%s%.*f MB%s", before,
             size < 10 ? 2 : 0, size, after);
}

static void tell_share(tw_plan *plan, const tw_plan_share *share)
{
    char before[64];
    snprintf(before, sizeof before, "%s%s%s",
             plan->text[0] ? "; " : "memory: ", share->owner ? share->owner : "",
             share->owner ? ": " : "");
    for (int part = 0; part < TW_PLAN_PARTS; part++) {
        if (share->bytes[part] == 0)
            continue;
        char after[64];
        snprintf(after, sizeof after, " %s", parts[part].name);
        tell(plan, before, share->bytes[part], after);
        snprintf(before, sizeof before, ", ");
    }
}

static size_t sum_of(const tw_plan *plan, kind kind)
{
    size_t sum = 0;
    for (size_t i = 0; i < plan->count; i++)
        for (int part = 0; part < TW_PLAN_PARTS; part++)
            add(&sum, parts[part].kind == kind ? plan->shares[i].bytes[part] : 0);
    return sum;
}

/* What would help: of the batch if the rest fits, else of training if the rest of that does. */
static const char *help(const tw_plan *plan, size_t available, const tw_plan_advice *advice)
{
    const size_t fixed = sum_of(plan, FIXED), training = sum_of(plan, OF_TRAINING);
    size_t trained = fixed;
    add(&trained, training);
    if (trained <= available && advice->batch)
        return advice->batch;
    if (training > 0 && fixed <= available && advice->trained)
        return advice->trained;
    return NULL;
}

int tw_plan_check(tw_plan *plan, size_t available, const tw_plan_advice *advice)
{
    plan->text[0] = '\0';
    for (size_t i = 0; i < plan->count; i++)
        tell_share(plan, &plan->shares[i]);
    tell(plan, "; ", plan->bytes, " in all");
    if (plan->mapped > 0)
        tell(plan, ", ", plan->mapped, " of them mapped");
    tell(plan, ", ", available, " are free");
    if (plan->bytes <= available)
        return 0;
    const char *helps = help(plan, available, advice);
    return tw_fail("not enough %s%s%s%s", plan->text, helps ? "; " : "", helps ? helps : "",
                   helps ? " takes less" : "");
}
