#ifndef TW_METRIC_CONTRAST_H
#define TW_METRIC_CONTRAST_H

#include "metric/compare.h"
#include "metric/measures.h"
#include "metric/roll.h"
#include "metric/sheet.h"

/* What `score --compare` says: two systems' metrics side by side. */

typedef struct tw_contrast {
    uint64_t records; /* pairs */
    size_t count;
    const tw_column *const *columns;       /* [count], borrowed */
    tw_comparison found[TW_SELECTION_MAX]; /* [count] */
} tw_contrast;

/* Compares the rows that belong together, in the columns that the measures show. */
void tw_contrast_fill(tw_contrast *contrast, const tw_measures *measures, const tw_sheet *a,
                      const tw_sheet *b, const tw_pairing *pairing, uint64_t seed);

/* What pairing and comparing take beside the sheets and rolls, in bytes. */
size_t tw_contrast_bytes(const tw_measures *measures, size_t pairs);

/* {"records": N, "resamples": R, "trials": R, "metrics": {"meteor": {"records", "a", "b",
 * "difference", "low", "high", "p"}, ...}}; null for what no pair had. The caller's
 * reference. */
json_t *tw_contrast_json(const tw_contrast *contrast);

/* The same as lines for people, each ended by a newline. The caller frees. */
char *tw_contrast_table(const tw_contrast *contrast);

#endif
