#include "metric/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "core/error.h"
#include "core/math.h"

static tw_interval shown(const tw_report *report, size_t i)
{
    tw_interval interval = report->intervals[i];
    if (report->columns[i]->exponential)
        interval =
            (tw_interval){tw_exp(interval.mean), tw_exp(interval.low), tw_exp(interval.high)};
    return interval;
}

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *tw_report_json(const tw_report *report)
{
    json_t *metrics = json_object();
    for (size_t i = 0; i < report->count; i++) {
        const tw_interval interval = shown(report, i);
        json_t *entry = json_object();
        json_object_set_new(entry, "mean", number(interval.mean));
        json_object_set_new(entry, "low", number(interval.low));
        json_object_set_new(entry, "high", number(interval.high));
        json_object_set_new(metrics, report->columns[i]->name, entry);
    }
    json_t *json = json_object();
    json_object_set_new(json, "records", json_integer((json_int_t)report->records));
    json_object_set_new(json, "metrics", metrics);
    return json;
}

/* Through a stream, for a perplexity may have hundreds of digits. */
char *tw_report_table(const tw_report *report)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        return tw_fail("no memory for the table"), NULL;
    fprintf(to, "%-12s %10s   %s\n", "metric", "mean", "95 % bounds");
    for (size_t i = 0; i < report->count; i++) {
        const tw_interval v = shown(report, i);
        const int digits = fabs(v.mean) < 10 ? 4 : 2;
        if (isfinite(v.mean))
            fprintf(to, "%-12.60s %10.*f   %.*f to %.*f\n", report->columns[i]->name, digits,
                    v.mean, digits, v.low, digits, v.high);
        else
            fprintf(to, "%-12.60s %10s   none\n", report->columns[i]->name, "none");
    }
    fprintf(to, "%-12s %10" PRIu64 "\n", "records", report->records);
    fclose(to);
    return text;
}
