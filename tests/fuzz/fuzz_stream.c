/* Any bytes as a stream: they are refused, or give lines that are theirs, and
 * that survive being written and read again. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/error.h"
#include "core/memory.h"
#include "stream/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_LINES = 5000, MOST_BYTES = 1 << 20 };

static void require(int truth, const char *what)
{
    if (truth)
        return;
    tw_warn("%s (%s)", what, tw_error());
    abort();
}

/* A name of a file in memory that holds the bytes. */
static int memory_file(const void *bytes, size_t size, char name[32])
{
    int fd = memfd_create("fuzz", 0);
    require(fd >= 0 && write(fd, bytes, size) == (ssize_t)size, "memfd");
    snprintf(name, 32, "/proc/self/fd/%d", fd);
    return fd;
}

/* Plain text is its lines, joined. */
static void require_plain(const uint8_t *data, size_t size, const char *text, size_t length)
{
    require(length == size || length == size + 1, "length of plain text");
    require(memcmp(data, text, size) == 0, "plain text");
}

static void require_round_trip(const char *text, size_t length)
{
    char name[32];
    int fd = memory_file("", 0, name);
    tw_writer *writer = tw_writer_open(&(tw_writer_options){.path = name});
    require(writer != NULL, "writer");
    for (const char *line = text; line < text + length;) {
        size_t size = strcspn(line, "\n");
        require(tw_writer_line(writer, line, size) == 0, "write");
        line += size + 1;
    }
    require(tw_writer_close(writer) == 0, "close");
    tw_reader *reader = tw_reader_open(name);
    require(reader != NULL, "reader");
    char *line = NULL;
    size_t size = 0, at = 0;
    while (tw_reader_line(reader, &line, &size) > 0) {
        require(at + size < length && memcmp(text + at, line, size) == 0, "line again");
        at += size + 1;
    }
    require(at == length, "every line again");
    tw_reader_close(reader);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char name[32], *line = NULL, *text = NULL;
    int fd = memory_file(data, size, name), status = 0, lines = 0;
    tw_reader *reader = tw_reader_open(name);
    require(reader != NULL, "open");
    if (size > 0 && data[0] % 2)
        tw_reader_provenance(reader);
    size_t length = 0, used = 0;
    while (lines++ < MOST_LINES && used < MOST_BYTES &&
           (status = tw_reader_line(reader, &line, &length)) > 0) {
        require(strlen(line) == length && !memchr(line, '\n', length), "a line");
        text = tw_realloc(text, used + length + 2, 1);
        memcpy(text + used, line, length);
        text[used + length] = '\n';
        used += length + 1;
        text[used] = 0;
    }
    if (status < 0)
        require(strlen(tw_error()) > 0 && strncmp(tw_error(), name, strlen(name)) == 0, "message");
    if (status == 0 && size > 0 && data[0] != 0x28 && (data[0] & 0xF0) != 0x50) {
        require(text != NULL, "some text");
        require_plain(data, size, text, used);
    }
    if (status == 0 && text)
        require_round_trip(text, used);
    tw_reader_close(reader);
    close(fd);
    free(text);
    return 0;
}
