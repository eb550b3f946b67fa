#ifndef TW_STREAM_OUTPUT_H
#define TW_STREAM_OUTPUT_H

#include "core/common.h"
#include "core/progress.h"
#include "stream/record.h"

/* Whether an output of that name (NULL: standard output) is plain text: NAME.jsonl, as other
 * tools will read it. */
bool tw_output_named_plain(const char *path);

/* The output stream of a program that turns records into records: where its
 * options say, with the provenance of this run chained to that of its input. Plain text with
 * --plain, on a terminal and in a file named *.jsonl; zstd elsewhere.
 * Call after parsing and before records are read far. NULL on failure. */
tw_writer *tw_output_open(const tw_common *common, const tw_usage *usage,
                          const char *const *model_digests, int models, tw_records *records);

/* Ends the output after `status` (0 or -1): writes it out or gives it up; a
 * reader that went away early is no failure. Then the progress: its closing line
 * comes only if all was done and written. NULL is no output, and no progress.
 * Returns what the program is to report: 0, or -1 with tw_error() set. */
int tw_output_close(tw_writer *writer, tw_progress *progress, int status);

#endif
