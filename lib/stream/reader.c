/* From bytes to lines: what a stream is made of is found out piece by piece
 * (source.c); here its text is cut at line feeds. */
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "stream/source.h"

enum { CHUNK = 256 << 10 };

struct tw_reader {
    tw_source *source;
    char *text;                        /* [capacity]; the lines not yet given are [at, end) */
    size_t capacity, at, end, scanned; /* no line feed in [at, scanned) */
    uint64_t lines;
};

tw_reader *tw_reader_open(const char *path)
{
    tw_source *source = tw_source_open(path);
    if (!source)
        return NULL;
    tw_reader *reader = tw_alloc(1, sizeof *reader);
    reader->source = source;
    reader->capacity = CHUNK;
    reader->text = tw_realloc(NULL, reader->capacity, 1);
    return reader;
}

void tw_reader_close(tw_reader *reader)
{
    if (!reader)
        return;
    tw_source_close(reader->source);
    free(reader->text);
    free(reader);
}

uint64_t tw_reader_line_number(const tw_reader *reader)
{
    return reader->lines;
}

const char *tw_reader_name(const tw_reader *reader)
{
    return tw_source_name(reader->source);
}

const char *tw_reader_provenance(tw_reader *reader)
{
    return tw_source_provenance(reader->source);
}

int tw_reader_verify(tw_reader *reader)
{
    return tw_source_verify(reader->source);
}

/* Fails with the place of the line that is being read. */
static int fail_line(tw_reader *reader, const char *what)
{
    return tw_fail("%s:%llu: %s", tw_reader_name(reader), (unsigned long long)reader->lines + 1,
                   what);
}

/* Room for more text behind what is unfinished, which moves to the front. */
static void make_room(tw_reader *reader)
{
    size_t kept = reader->end - reader->at;
    memmove(reader->text, reader->text + reader->at, kept);
    reader->scanned -= reader->at;
    reader->at = 0;
    reader->end = kept;
    const size_t most = (size_t)TW_LINE_MAX + CHUNK;
    if (reader->capacity - kept < CHUNK / 2 && reader->capacity < most) {
        reader->capacity = reader->capacity * 2 < most ? reader->capacity * 2 : most;
        reader->text = tw_realloc(reader->text, reader->capacity, 1);
    }
}

typedef ssize_t read_function(tw_source *source, char *text, size_t size);

/* 1 when there is more text, 0 at the end, -1 on failure; or TW_NOT_READY. */
static int more(tw_reader *reader, read_function *read)
{
    if (reader->end - reader->at > TW_LINE_MAX)
        return fail_line(reader, "the line is longer than 64 MiB");
    make_room(reader);
    /* One byte is kept for the NUL behind an unfinished last line. */
    ssize_t count =
        read(reader->source, reader->text + reader->end, reader->capacity - reader->end - 1);
    if (count <= 0)
        return (int)count;
    reader->end += (size_t)count;
    return 1;
}

/* Behind a byte order mark at the head of [at, stop). */
static size_t behind_mark(const char *text, size_t at, size_t stop)
{
    return stop - at >= 3 && memcmp(text + at, "\xEF\xBB\xBF", 3) == 0 ? at + 3 : at;
}

/* Gives [at, stop) as the line, and goes on at `next`. */
static int give(tw_reader *reader, size_t stop, size_t next, char **line, size_t *length)
{
    reader->at = behind_mark(reader->text, reader->at, stop);
    *line = reader->text + reader->at;
    *length = stop - reader->at;
    if (*length > TW_LINE_MAX)
        return fail_line(reader, "the line is longer than 64 MiB");
    if (memchr(*line, 0, *length)) {
        fail_line(reader, "a NUL byte; expected UTF-8 text");
        tw_source_verify(reader->source);
        return -1;
    }
    (*line)[*length] = 0;
    reader->at = reader->scanned = next;
    reader->lines++;
    return 1;
}

int tw_reader_line(tw_reader *reader, char **line, size_t *length)
{
    for (;;) {
        char *feed = memchr(reader->text + reader->scanned, '\n', reader->end - reader->scanned);
        if (feed) {
            size_t stop = (size_t)(feed - reader->text);
            return give(reader, stop, stop + 1, line, length);
        }
        reader->scanned = reader->end;
        int status = more(reader, tw_source_read);
        if (status < 0)
            return -1;
        /* The last line feed is often forgotten. What was cut short is known by its open zstd
         * frame or its open JSON. */
        if (status == 0)
            return reader->at == reader->end ? 0
                                             : give(reader, reader->end, reader->end, line, length);
    }
}

bool tw_reader_ready(tw_reader *reader)
{
    for (;;) {
        if (memchr(reader->text + reader->scanned, '\n', reader->end - reader->scanned))
            return true;
        reader->scanned = reader->end;
        int status = more(reader, tw_source_read_ready);
        if (status <= 0)
            return status != TW_NOT_READY; /* an end or a failure comes again */
    }
}

bool tw_line_is_blank(const char *line, size_t length)
{
    size_t at = 0;
    while (at < length && (line[at] == ' ' || line[at] == '\t' || line[at] == '\r'))
        at++;
    return at == length;
}

bool tw_reader_pass_blank(tw_reader *reader)
{
    const char *feed = memchr(reader->text + reader->scanned, '\n', reader->end - reader->scanned);
    const size_t stop = feed ? (size_t)(feed - reader->text) : 0;
    const size_t at = feed ? behind_mark(reader->text, reader->at, stop) : 0;
    if (!feed || !tw_line_is_blank(reader->text + at, stop - at))
        return false;
    reader->at = reader->scanned = stop + 1;
    reader->lines++;
    return true;
}
