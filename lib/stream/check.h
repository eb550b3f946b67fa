#ifndef TW_STREAM_CHECK_H
#define TW_STREAM_CHECK_H

#include "stream/record.h"

/* Types of the known fields of a record (DESIGN.md, "Streams"). Part of record.h. */

/* Checks json and fills the borrowed fields of the record; `json`, `line` and
 * `file` are set. The message lacks the place: `samples[2].text: expected a
 * string, got a number`. */
int tw_record_check(tw_record *record, const tw_records_options *options);

#endif
