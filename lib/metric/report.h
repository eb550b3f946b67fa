#ifndef TW_METRIC_REPORT_H
#define TW_METRIC_REPORT_H

#include <jansson.h>
#include <stdint.h>

#include "metric/bootstrap.h"
#include "metric/measure.h"

/* What `score` says at the end: means with their bounds. */

typedef struct tw_report {
    uint64_t records;
    size_t count;
    const tw_column *const *columns; /* [count] */
    const tw_interval *intervals;    /* [count], of the columns before any exp */
} tw_report;

/* {"records": N, "metrics": {"meteor": {"mean", "low", "high"}, ...}}; null for
 * what no record had. The caller's reference. */
json_t *tw_report_json(const tw_report *report);

/* The same as lines for people, each ended by a newline. The caller frees. */
char *tw_report_table(const tw_report *report);

#endif
