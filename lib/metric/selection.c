#include "metric/selection.h"

#include <stdio.h>
#include <string.h>

#include "core/error.h"

static const char *const model_names[] = {"nll", "perplexity", NULL};
static const char *const guidance_names[] = {"pairwise", "kendall", "ndcg", "reward", NULL};
enum { NAME_MAX_LENGTH = 63 };

/* Figures of a corpus, and the metric that brings them. */
typedef struct corpus {
    const char *name;
    tw_metric metric;
} corpus;
static const corpus corpora[] = {{"corpusBleu", TW_BLEU}, {"corpusChrf", TW_CHRF}};
enum { CORPORA = sizeof corpora / sizeof *corpora };

static const char *find(const char *const *names, const char *name)
{
    for (; *names; names++)
        if (strcmp(*names, name) == 0)
            return *names;
    return NULL;
}

static bool has(const tw_selection *selection, const char *name)
{
    for (size_t i = 0; i < selection->count; i++)
        if (strcmp(selection->names[i], name) == 0)
            return true;
    return false;
}

static int put(tw_selection *selection, const char *name)
{
    if (has(selection, name))
        return tw_fail("metric %s is named twice", name);
    selection->names[selection->count++] = name;
    return 0;
}

/* A text metric that is to be measured, reported or not. */
static void need_text(tw_selection *selection, tw_metric metric)
{
    for (int i = 0; i < selection->text_count; i++)
        if (selection->text[i] == metric)
            return;
    selection->text[selection->text_count++] = metric;
}

static int put_text(tw_selection *selection, const char *name)
{
    tw_metric found[TW_METRICS];
    for (size_t i = 0; i < CORPORA; i++)
        if (strcmp(corpora[i].name, name) == 0) {
            need_text(selection, corpora[i].metric);
            return put(selection, corpora[i].name);
        }
    if (tw_metric_list(name, found) < 0)
        return tw_fail(
            "%s, corpusBleu and corpusChrf; with -m also nll and perplexity, with -g "
            "also pairwise, kendall, ndcg and reward, with --classifier also classifier, "
            "classifierAccuracy and classifierGap, with --bertscore-model also bertscore, "
            "bertscoreP and bertscoreR",
            tw_error());
    if (put(selection, tw_metric_names[found[0]]) != 0)
        return -1;
    need_text(selection, found[0]);
    return 0;
}

/* Behind each metric that brings a figure of the corpus, unless that was named. */
static void put_corpora(tw_selection *selection)
{
    for (size_t c = 0; c < CORPORA; c++) {
        if (has(selection, corpora[c].name))
            continue;
        for (size_t i = 0; i < selection->count; i++)
            if (selection->names[i] == tw_metric_names[corpora[c].metric]) {
                memmove(selection->names + i + 2, selection->names + i + 1,
                        (selection->count++ - i - 1) * sizeof *selection->names);
                selection->names[i + 1] = corpora[c].name;
                break;
            }
    }
}

static int put_named(tw_selection *selection, const char *name, const tw_selection_judges *judges)
{
    const char *of_model = find(model_names, name), *of_guidance = find(guidance_names, name);
    const char *of_classifier = find(tw_classifier_names, name);
    const char *of_bertscore = find(tw_bertscore_names, name);
    if (of_model)
        return judges->model ? put(selection, of_model) : tw_fail("%s needs -m MODEL", name);
    if (of_guidance)
        return judges->guidance ? put(selection, of_guidance)
                                : tw_fail("%s needs -g GUIDANCE", name);
    if (of_classifier)
        return judges->classifier ? put(selection, of_classifier)
                                  : tw_fail("%s needs --classifier MODEL", name);
    if (of_bertscore)
        return judges->bertscore ? put(selection, of_bertscore)
                                 : tw_fail("%s needs --bertscore-model MODEL", name);
    return put_text(selection, name);
}

static int put_all(tw_selection *selection, const char *const *names)
{
    int status = 0;
    for (; status == 0 && *names; names++)
        status = put(selection, *names);
    return status;
}

static int put_defaults(tw_selection *selection, const tw_selection_judges *judges)
{
    static const char *const texts[] = {"meteor", "rouge1", "rouge2", "rougeL", "rougeLsum"};
    int status = 0;
    for (size_t i = 0; status == 0 && i < sizeof texts / sizeof *texts; i++)
        status = put_text(selection, texts[i]);
    if (status == 0 && judges->model)
        status = put_all(selection, model_names);
    if (status == 0 && judges->guidance)
        status = put_all(selection, guidance_names);
    if (status == 0 && judges->classifier)
        status = put_all(selection, tw_classifier_names);
    if (status == 0 && judges->bertscore)
        status = put_all(selection, tw_bertscore_names);
    return status;
}

const char *tw_selection_any(const tw_selection *selection, const char *const *names)
{
    const char *found = NULL;
    for (size_t i = 0; !found && i < selection->count; i++)
        found = find(names, selection->names[i]);
    return found;
}

int tw_select(const char *list, const tw_selection_judges *judges, tw_selection *selection)
{
    *selection = (tw_selection){0};
    if (!list)
        return put_defaults(selection, judges);
    for (;; list++) {
        char name[NAME_MAX_LENGTH + 1];
        const size_t length = strcspn(list, ",");
        snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : NAME_MAX_LENGTH),
                 list);
        if (put_named(selection, name, judges) != 0)
            return -1;
        list += length;
        if (!*list) {
            put_corpora(selection);
            return 0;
        }
    }
}
