#ifndef TW_STREAM_FRAME_H
#define TW_STREAM_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first bytes of zstd and skippable frames (RFC 8878, 3.1), and of what
 * people give us instead. Shared by reader and writer. */

enum { TW_SKIPPABLE_HEAD = 8, TW_PROVENANCE_MAX = 1 << 20, TW_MAGIC_BYTES = 6 };

/* Magic number of our skippable frame, then the size, both little-endian. */
void tw_skippable_head(unsigned char head[TW_SKIPPABLE_HEAD], uint32_t size);

/* Of the 4 bytes at a frame's start. */
bool tw_is_zstd_frame(const unsigned char *magic);
bool tw_is_skippable_frame(const unsigned char *magic);
bool tw_is_provenance_frame(const unsigned char *magic);

/* The size in a skippable frame's head. */
uint32_t tw_skippable_size(const unsigned char head[TW_SKIPPABLE_HEAD]);

/* The compressor's name and a command that undoes it ("gzip", "zcat") when the
 * count first bytes are another format's; else NULL. */
const char *tw_foreign_format(const unsigned char *bytes, size_t count, const char **command);

/* Whether text (size bytes) is a JSON object; in provenance.c. */
bool tw_is_provenance(const char *text, size_t size);

#endif
