#ifndef TW_STREAM_STREAM_H
#define TW_STREAM_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Streams of lines: plain or zstd, told apart by the magic number.
 *
 * Format. A compressed stream is a sequence of zstd frames (RFC 8878), each
 * with a content checksum and each holding whole lines only, TW_FRAME_LINES of
 * them (the last one fewer), so concatenated streams are streams and frames
 * are the unit of sharding. A skippable frame (magic 0x184D2A50) at the head
 * carries provenance as one JSON object; decoders ignore it.
 *
 * What is harmless is accepted, plain or compressed: a last line without its line
 * feed, a UTF-8 byte order mark at the head of a line (files joined by cat have one
 * each), a carriage return before a line feed, and blank lines, which hold blanks
 * alone: those who read records pass over them, and line numbers count them. A stream that ends
 * inside a zstd frame is an error that names the byte. */

enum { TW_FRAME_LINES = 512 };

/* A line longer than this is an error that names it (bytes). */
enum { TW_LINE_MAX = 64 << 20 };

typedef struct tw_reader tw_reader;

/* path NULL or "-": standard input. Fails when it cannot be opened, is a
 * directory (a model folder given as a stream: the message says so), or is
 * something else compressed (gzip, xz, bzip2: says what to do). */
tw_reader *tw_reader_open(const char *path);

/* The next line without its '\n' and a byte order mark at its head, NUL-terminated, valid
 * until the next call.
 * Returns 1; 0 at the end; -1 on a failure, whose message has the form
 * `file:line: ...` or, for damaged compression, `file: byte N: ...`. Lines are
 * checked to be free of NUL bytes. */
int tw_reader_line(tw_reader *reader, char **line, size_t *length);

/* Whether tw_reader_line would answer without waiting for the other end of a pipe (with a line,
 * the end or a failure). A program that works on many lines at a time begins with those that are
 * there. */
bool tw_reader_ready(tw_reader *reader);

/* Whether a line holds blanks alone. */
bool tw_line_is_blank(const char *line, size_t length);

/* Passes over the next line if that is known, without reading on, to be blank. */
bool tw_reader_pass_blank(tw_reader *reader);

/* Of the last line given or passed over, from 1. */
uint64_t tw_reader_line_number(const tw_reader *reader);
const char *tw_reader_name(const tw_reader *reader); /* "<stdin>" or the path */

/* Provenance at the head as JSON text, "" if none; known after the first
 * tw_reader_line or at open, whichever needs it first. Owned by the reader. */
const char *tw_reader_provenance(tw_reader *reader);

/* For the reader of a line that turned out bad, before giving up: when the rest
 * of its zstd frame shows that the file is damaged, that becomes the message
 * and -1 is returned; else 0 and the message stays. No line can be read after.
 * Only for files: to look further into a pipe would be to wait for it. */
int tw_reader_verify(tw_reader *reader);

/* Accepts NULL. */
void tw_reader_close(tw_reader *reader);

typedef struct tw_writer tw_writer;

typedef struct tw_writer_options {
    const char *path;       /* NULL or "-": standard output */
    bool plain;             /* no compression; implied when stdout is a terminal */
    const char *provenance; /* JSON object, or NULL for none; compressed output only */
    int level;              /* zstd level, 0: 3 */
} tw_writer_options;

/* A file is written beside its place under a temporary name and renamed by
 * tw_writer_close after fsync; until then nothing is at `path`. Temporary
 * names are removed on failure, at exit and when a signal ends the program
 * (core/atomic_file.h). Pipes, devices and descriptors (`/dev/stdout`,
 * `/dev/fd/N`) are written in place. SIGPIPE and
 * SIGXFSZ are ignored from here on. */
tw_writer *tw_writer_open(const tw_writer_options *options);

/* Fails when tw_writer_open would fail for this path, and leaves what is there as it is: for
 * who writes after long work. A pipe that nobody reads yet is taken to be read. */
int tw_writer_check(const char *path);

/* Appends bytes as they are to a plain output: a stream that is packed already. */
int tw_writer_bytes(tw_writer *writer, const char *bytes, size_t count);

/* Appends line and '\n'. */
int tw_writer_line(tw_writer *writer, const char *line, size_t length);

/* Writes out what is complete. The bytes never depend on it: the writer closes
 * compressed blocks at fixed lines (at most 16 apart) and writes them to pipes
 * and terminals at once by itself (flush policy in writer.c), so a slow program
 * need not call it. */
int tw_writer_flush(tw_writer *writer);

/* Ends the frame, checks every close, renames. Frees the writer in any case. A
 * broken pipe is no failure here; any other earlier failure is returned again. */
int tw_writer_close(tw_writer *writer);

/* Gives up: the temporary file is removed. What was written in place, compressed, is left
 * with an open frame, so that no reader takes it for the whole. Accepts NULL. */
void tw_writer_abort(tw_writer *writer);

/* True when writing failed because the reader of our stdout went away; the
 * program then ends quietly with status 0... as `sample | head -1` expects. */
bool tw_writer_broken_pipe(const tw_writer *writer);

#endif
