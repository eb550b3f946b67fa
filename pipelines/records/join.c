/* records check [--name NAME] -o FILE: fails when FILE cannot be written; leaves it as it is.
 * records join [-o FILE] [--pack] < NAMES: the files named, a line each, as one stream in
 * that order: as they are but for the skippable frames in front of all but the first, or,
 * with --pack and when they are compressed, in frames of 512 lines again. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/option.h"
#include "records.h"
#include "stream/frame.h"
#include "stream/output.h"
#include "stream/stream.h"

enum { CHUNK = 256 << 10 };

static const char *output, *name = "map";
static bool pack;

static const tw_option options[] = {
    {"output", 'o', TW_TEXT, &output, "FILE", "write to FILE instead of standard output", 0, 0,
     NULL, 0},
    {"name", 0, TW_TEXT, &name, "NAME", "the program that messages name", 0, 0, NULL, 0},
    {"pack", 0, TW_FLAG, &pack, NULL, "in frames of 512 lines", 0, 0, NULL, 0},
    {NULL, 0, TW_HEADING, NULL, NULL, NULL, 0, 0, NULL, 0},
};

static const tw_usage usage = {.name = "map",
                               .purpose = "Join the outputs of shards",
                               .synopsis = "[-o FILE] [--pack]",
                               .example = "",
                               .options = options};

int check_main(int argc, char **argv)
{
    tw_options_or_exit(&usage, argc, argv, NULL);
    tw_set_program(name);
    if (tw_writer_check(output) == 0)
        return TW_EXIT_OK;
    tw_warn("%s", tw_error());
    return TW_EXIT_DATA;
}

/* Reads up to `size` bytes, fewer only at the end. */
static ssize_t read_full(int fd, char *bytes, size_t size)
{
    size_t done = 0;
    while (done < size) {
        const ssize_t count = read(fd, bytes + done, size - done);
        if (count == 0)
            break;
        if (count < 0 && errno != EINTR)
            return tw_fail("cannot read the output of a shard: %m");
        done += count > 0 ? (size_t)count : 0;
    }
    return (ssize_t)done;
}

/* Copies the rest of an open file, from behind its skippable frame unless it is the first. */
static int copy(tw_writer *writer, int fd, bool first)
{
    static char bytes[CHUNK];
    unsigned char head[TW_SKIPPABLE_HEAD];
    const ssize_t got = read_full(fd, (char *)head, sizeof head);
    if (got < 0)
        return -1;
    const bool skipped = !first && got == TW_SKIPPABLE_HEAD && tw_is_skippable_frame(head);
    if (lseek(fd, skipped ? TW_SKIPPABLE_HEAD + (off_t)tw_skippable_size(head) : 0, SEEK_SET) < 0)
        return tw_fail("cannot read the output of a shard: %m");
    ssize_t count = 0;
    while ((count = read_full(fd, bytes, sizeof bytes)) > 0)
        if (tw_writer_bytes(writer, bytes, (size_t)count) < 0)
            return -1;
    return (int)count;
}

static int copy_file(tw_writer *writer, const char *path, bool first)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return tw_fail("cannot open %s: %m", path);
    const int status = copy(writer, fd, first);
    close(fd);
    return status;
}

static int copy_lines(tw_writer *writer, tw_reader *reader)
{
    char *line = NULL;
    size_t length = 0;
    int status = 0;
    while ((status = tw_reader_line(reader, &line, &length)) > 0)
        if (tw_writer_line(writer, line, length) < 0)
            return -1;
    return status;
}

/* Whether the file at `path` begins as a compressed stream does; an empty one does not. */
static bool is_compressed(const char *path)
{
    unsigned char head[4];
    FILE *file = fopen(path, "re");
    const bool whole = file && fread(head, 1, sizeof head, file) == sizeof head;
    if (file)
        fclose(file);
    return whole && (tw_is_zstd_frame(head) || tw_is_skippable_frame(head));
}

/* A terminal, or a name that says so. */
static bool wants_text(void)
{
    return output ? tw_output_named_plain(output) : isatty(STDOUT_FILENO);
}

/* The writer for what begins with the file at `path`; lines: whether it takes lines. */
static tw_writer *open_for(const char *path, bool lines)
{
    tw_writer_options how = {.path = output, .plain = !lines || tw_output_named_plain(output)};
    tw_reader *first = lines ? tw_reader_open(path) : NULL;
    if (lines && !first)
        return NULL;
    how.provenance = first ? tw_reader_provenance(first) : NULL;
    tw_writer *writer = tw_writer_open(&how);
    tw_reader_close(first);
    return writer;
}

static int join_file(tw_writer *writer, const char *path, bool lines, bool first)
{
    if (!lines)
        return copy_file(writer, path, first);
    tw_reader *reader = tw_reader_open(path);
    const int status = reader ? copy_lines(writer, reader) : -1;
    tw_reader_close(reader);
    return status;
}

int join_main(int argc, char **argv)
{
    tw_options_or_exit(&usage, argc, argv, NULL);
    tw_writer *writer = NULL;
    char *path = NULL;
    size_t size = 0;
    int status = 0;
    bool lines = false;
    while (status == 0 && getline(&path, &size, stdin) > 0) {
        const bool first = !writer;
        path[strcspn(path, "\n")] = 0;
        if (first)
            lines = is_compressed(path) && (pack || wants_text());
        if (first && !(writer = open_for(path, lines)))
            status = -1;
        else
            status = join_file(writer, path, lines, first);
    }
    free(path);
    if (status == 0 && writer)
        status = tw_writer_close(writer);
    else
        tw_writer_abort(writer);
    if (status < 0)
        tw_warn("%s", tw_error());
    return status < 0 ? TW_EXIT_DATA : TW_EXIT_OK;
}
