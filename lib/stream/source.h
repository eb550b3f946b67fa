#ifndef TW_STREAM_SOURCE_H
#define TW_STREAM_SOURCE_H

#include <sys/types.h>

#include "stream/stream.h"

/* The text of a stream as bytes, whatever it was packed in: the lower half of
 * tw_reader. Failures and their messages are those of stream.h. */
typedef struct tw_source tw_source;

tw_source *tw_source_open(const char *path);
void tw_source_close(tw_source *source); /* accepts NULL */

/* Up to `size` bytes of text, at least one; 0 at the end, -1 on failure (and
 * then in every further call). */
ssize_t tw_source_read(tw_source *source, char *text, size_t size);

/* The same without waiting for input: TW_NOT_READY when it would. (Nothing is known of a stream of
 * fewer than 8 bytes; and a provenance that has begun is waited for.) */
enum { TW_NOT_READY = -2 };
ssize_t tw_source_read_ready(tw_source *source, char *text, size_t size);

/* See tw_reader_verify. */
int tw_source_verify(tw_source *source);

const char *tw_source_name(const tw_source *source);
const char *tw_source_provenance(tw_source *source);

#endif
