#ifndef TW_METRIC_PANEL_H
#define TW_METRIC_PANEL_H

#include "metric/judge.h"
#include "stream/record.h"

/* The text metrics of records: one judge for each OpenMP thread, and WordNet
 * when METEOR is asked for. */

typedef struct tw_panel tw_panel;

/* completion_field: where the reference is; NULL: "completion". NULL on failure
 * (WordNet is not there). */
tw_panel *tw_panel_new(unsigned metrics, bool stem, const char *completion_field);
void tw_panel_free(tw_panel *panel); /* accepts NULL */

/* The texts of a record: its samples, or where it has none, its completion. */
size_t tw_panel_texts(const tw_record *record);

/* values[texts, stride], stride >= TW_METRICS: for each text what tw_judge_text
 * gives. May be called by each thread of one parallel region. Fails, naming
 * line and field, when a comparing metric has nothing to compare: no samples or
 * no completion. */
int tw_panel_judge(tw_panel *panel, const tw_record *record, double *values, size_t stride);

/* counts[TW_COUNTS] of the record that this thread judged last: see tw_judge_counts. */
const double *tw_panel_counts(const tw_panel *panel);

#endif
