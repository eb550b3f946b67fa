#include "metric/panel.h"

#include <stdlib.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "core/error.h"
#include "core/memory.h"

struct tw_panel {
    unsigned metrics;
    const char *completion_field;
    tw_wordnet *wordnet;
    tw_judge **judges;
    int count;
};

static int thread_count(void)
{
#ifdef _OPENMP
    return omp_get_max_threads();
#else
    return 1;
#endif
}

static int this_thread(void)
{
#ifdef _OPENMP
    return omp_get_thread_num();
#else
    return 0;
#endif
}

tw_panel *tw_panel_new(unsigned metrics, bool stem, const char *completion_field)
{
    tw_panel *panel = tw_alloc(1, sizeof *panel);
    panel->metrics = metrics;
    panel->completion_field = completion_field ? completion_field : "completion";
    if (metrics & TW_METRIC_BIT(TW_METEOR) && !(panel->wordnet = tw_wordnet_open(NULL))) {
        tw_panel_free(panel);
        return NULL;
    }
    panel->count = thread_count();
    panel->judges = tw_alloc((size_t)panel->count, sizeof(tw_judge *));
    for (int i = 0; i < panel->count; i++)
        panel->judges[i] = tw_judge_new(metrics, stem, panel->wordnet);
    return panel;
}

void tw_panel_free(tw_panel *panel)
{
    if (!panel)
        return;
    for (int i = 0; i < panel->count; i++)
        tw_judge_free(panel->judges[i]);
    free(panel->judges);
    tw_wordnet_close(panel->wordnet);
    free(panel);
}

size_t tw_panel_texts(const tw_record *record)
{
    return record->samples ? json_array_size(record->samples) : 1;
}

/* What a comparing metric needs. */
static int check_comparable(const tw_panel *panel, const tw_record *record)
{
    if (!(panel->metrics & TW_COMPARING_METRICS))
        return 0;
    int metric = 0;
    while (!(panel->metrics & TW_METRIC_BIT(metric)))
        metric++;
    if (!record->completion)
        return tw_record_fail(record, "%s: expected a string for %s to compare with, got nothing",
                              panel->completion_field, tw_metric_names[metric]);
    if (!record->samples)
        return tw_record_fail(
            record, "samples: expected an array for %s to compare, got nothing (run sample first)",
            tw_metric_names[metric]);
    return 0;
}

/* The i-th text of a record; NULL (with a message) if it is none. */
static const json_t *text_at(const tw_panel *panel, const tw_record *record, size_t i)
{
    const json_t *text = record->samples
                             ? json_object_get(json_array_get(record->samples, i), "text")
                             : json_object_get(record->json, panel->completion_field);
    if (json_is_string(text))
        return text;
    if (record->samples)
        tw_record_fail(record, "samples[%zu].text: expected a string, got nothing", i);
    else
        tw_record_fail(record, "expected samples or %s, got neither", panel->completion_field);
    return NULL;
}

int tw_panel_judge(tw_panel *panel, const tw_record *record, double *values, size_t stride)
{
    tw_judge *judge = panel->judges[this_thread()];
    const json_t *reference = json_object_get(record->json, panel->completion_field);
    if (tw_panel_texts(record) == 0)
        return tw_record_fail(record, "samples: expected at least one sample, got an empty array");
    if (check_comparable(panel, record) != 0)
        return -1;
    tw_judge_reference(judge, json_string_value(reference), json_string_length(reference));
    for (size_t i = 0; i < tw_panel_texts(record); i++) {
        const json_t *text = text_at(panel, record, i);
        if (!text)
            return -1;
        if (tw_judge_text(judge, json_string_value(text), json_string_length(text),
                          values + i * stride) != 0)
            return tw_record_fail(record, "samples[%zu]: %s", i, tw_error());
    }
    return 0;
}

const double *tw_panel_counts(const tw_panel *panel)
{
    return tw_judge_counts(panel->judges[this_thread()]);
}
