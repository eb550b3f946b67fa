#include "metric/selection.h"

#include <stdio.h>
#include <string.h>

#include "core/error.h"

static const char *const model_names[] = {"nll", "perplexity"};
static const char *const guidance_names[] = {"pairwise", "reward"};
enum { NAMES = 2, NAME_MAX_LENGTH = 63 };

static const char *find(const char *const names[NAMES], const char *name)
{
    for (size_t i = 0; i < NAMES; i++)
        if (strcmp(names[i], name) == 0)
            return names[i];
    return NULL;
}

static int put(tw_selection *selection, const char *name)
{
    for (size_t i = 0; i < selection->count; i++)
        if (strcmp(selection->names[i], name) == 0)
            return tw_fail("metric %s is named twice", name);
    selection->names[selection->count++] = name;
    return 0;
}

static int put_text(tw_selection *selection, const char *name)
{
    tw_metric found[TW_METRICS];
    if (tw_metric_list(name, found) < 0)
        return tw_fail("%s; with -m also nll and perplexity, with -g also pairwise and reward",
                       tw_error());
    if (put(selection, tw_metric_names[found[0]]) != 0)
        return -1;
    selection->text[selection->text_count++] = found[0];
    return 0;
}

static int put_named(tw_selection *selection, const char *name, bool model, bool guidance)
{
    const char *of_model = find(model_names, name), *of_guidance = find(guidance_names, name);
    if (of_model)
        return model ? put(selection, of_model) : tw_fail("%s needs -m MODEL", name);
    if (of_guidance)
        return guidance ? put(selection, of_guidance) : tw_fail("%s needs -g GUIDANCE", name);
    return put_text(selection, name);
}

static int put_defaults(tw_selection *selection, bool model, bool guidance)
{
    static const char *const texts[] = {"meteor", "rouge1", "rouge2", "rougeL", "rougeLsum"};
    int status = 0;
    for (size_t i = 0; status == 0 && i < sizeof texts / sizeof *texts; i++)
        status = put_text(selection, texts[i]);
    for (size_t i = 0; status == 0 && model && i < NAMES; i++)
        status = put(selection, model_names[i]);
    for (size_t i = 0; status == 0 && guidance && i < NAMES; i++)
        status = put(selection, guidance_names[i]);
    return status;
}

int tw_select(const char *list, bool model, bool guidance, tw_selection *selection)
{
    *selection = (tw_selection){0};
    if (!list)
        return put_defaults(selection, model, guidance);
    for (;; list++) {
        char name[NAME_MAX_LENGTH + 1];
        const size_t length = strcspn(list, ",");
        snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : NAME_MAX_LENGTH),
                 list);
        if (put_named(selection, name, model, guidance) != 0)
            return -1;
        list += length;
        if (!*list)
            return 0;
    }
}
