/* Flush policy. The bytes of a stream depend on its lines alone, not on who
 * reads it, nor on when. So the compressor closes a block at fixed places: after
 * the lines 1, 2, 4, 8 of a frame and after each SYNC_LINES lines. To a pipe,
 * socket or terminal what is complete is written there and then, so that the
 * next program starts with our first line and never waits for more than
 * SYNC_LINES; to a file it is gathered to larger writes. tw_writer_flush writes
 * out what is complete and never cuts a block. */
#include "stream/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/number.h"
#include "stream/frame.h"

enum { SYNC_LINES = 16, BUFFER_BYTES = 256 << 10, DEFAULT_LEVEL = 3 };

struct tw_writer {
    char *name;
    int fd;
    tw_atomic_file *file; /* NULL when fd is written in place */
    ZSTD_CCtx *zstd;      /* NULL when plain */
    char *buffer;         /* [BUFFER_BYTES], `used` of them waiting for write(2) */
    size_t used;
    unsigned frame_lines; /* lines in the open frame */
    bool live;            /* somebody may be waiting at the other end */
    bool seen;            /* some of it was written */
    bool begun;           /* there is a frame, or part of one */
    int failed;           /* errno of the first failure */
};

static int fail(tw_writer *writer)
{
    if (writer->failed == EPIPE)
        return tw_fail("cannot write %s: nobody reads it any more", writer->name);
    return tw_fail("cannot write %s: %s", writer->name, strerror(writer->failed));
}

static int write_out(tw_writer *writer)
{
    size_t done = 0;
    while (done < writer->used) {
        ssize_t count = write(writer->fd, writer->buffer + done, writer->used - done);
        if (count >= 0) {
            done += (size_t)count;
            writer->seen = true;
        } else if (errno == EAGAIN) {
            struct pollfd wait = {.fd = writer->fd, .events = POLLOUT};
            poll(&wait, 1, -1);
        } else if (errno != EINTR) {
            writer->failed = errno;
            return fail(writer);
        }
    }
    writer->used = 0;
    return 0;
}

static int append(tw_writer *writer, const char *bytes, size_t count)
{
    while (count > 0) {
        if (writer->used == BUFFER_BYTES && write_out(writer) < 0)
            return -1;
        size_t part = BUFFER_BYTES - writer->used;
        part = part < count ? part : count;
        memcpy(writer->buffer + writer->used, bytes, part);
        writer->used += part;
        bytes += part;
        count -= part;
    }
    return 0;
}

static int compress(tw_writer *writer, const char *bytes, size_t count, ZSTD_EndDirective end)
{
    ZSTD_inBuffer in = {bytes, count, 0};
    for (;;) {
        ZSTD_outBuffer out = {writer->buffer, BUFFER_BYTES, writer->used};
        size_t left = ZSTD_compressStream2(writer->zstd, &out, &in, end);
        if (ZSTD_isError(left)) {
            writer->failed = EIO;
            return tw_fail("cannot compress %s: %s", writer->name, ZSTD_getErrorName(left));
        }
        writer->used = out.pos;
        if (end == ZSTD_e_continue ? in.pos == in.size : left == 0)
            return 0;
        if (write_out(writer) < 0)
            return -1;
    }
}

static int end_frame(tw_writer *writer)
{
    if (!writer->zstd || (writer->begun && writer->frame_lines == 0))
        return 0;
    /* No bytes at all would be a truncated stream to zstd: then an empty frame. */
    writer->begun = true;
    writer->frame_lines = 0;
    return compress(writer, NULL, 0, ZSTD_e_end);
}

/* Where a block is closed; see the policy above. */
static bool is_sync(unsigned lines)
{
    return lines % SYNC_LINES == 0 || (lines & (lines - 1)) == 0;
}

static int compressed_line(tw_writer *writer, const char *line, size_t length)
{
    if (compress(writer, line, length, ZSTD_e_continue) < 0 ||
        compress(writer, "\n", 1, ZSTD_e_continue) < 0)
        return -1;
    writer->begun = true;
    unsigned lines = ++writer->frame_lines;
    if (lines == TW_FRAME_LINES)
        return end_frame(writer);
    return is_sync(lines) ? compress(writer, NULL, 0, ZSTD_e_flush) : 0;
}

int tw_writer_line(tw_writer *writer, const char *line, size_t length)
{
    if (writer->failed)
        return fail(writer);
    if (memchr(line, '\n', length))
        return tw_fail("%s: a line to write holds a line feed", writer->name);
    if (writer->zstd) {
        if (compressed_line(writer, line, length) < 0)
            return -1;
    } else if (append(writer, line, length) < 0 || append(writer, "\n", 1) < 0) {
        return -1;
    }
    return writer->live ? write_out(writer) : 0;
}

int tw_writer_bytes(tw_writer *writer, const char *bytes, size_t count)
{
    return writer->failed ? fail(writer) : append(writer, bytes, count);
}

int tw_writer_flush(tw_writer *writer)
{
    return writer->failed ? fail(writer) : write_out(writer);
}

/* The descriptor that `path` is another name of, or -1. Opening such a path anew
 * would start at offset 0 of a file that the shell may have opened to append. */
static int same_descriptor(const char *path)
{
    if (!path || strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0)
        return STDOUT_FILENO;
    int64_t number = 0;
    static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};
    for (int i = 0; i < 2; i++) {
        size_t length = strlen(folders[i]);
        if (strncmp(path, folders[i], length) == 0 && path[length] &&
            path[length + strspn(path + length, "0123456789")] == 0)
            return tw_parse_int(path + length, &number) < 0 || number > INT_MAX ? -1 : (int)number;
    }
    return -1;
}

/* Sets fd, and file when the output is a regular one to be renamed. */
static int open_output(tw_writer *writer, const char *path)
{
    int descriptor = same_descriptor(path);
    if (descriptor >= 0) {
        /* A copy can be closed, and the close checked, without losing stdout. */
        writer->fd = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
        return writer->fd < 0 ? tw_fail("cannot write %s: %m", writer->name) : 0;
    }
    struct stat status;
    bool exists = stat(path, &status) == 0;
    if (exists && S_ISDIR(status.st_mode))
        return tw_fail("cannot write %s: it is a folder", path);
    if (exists && !S_ISREG(status.st_mode)) {
        writer->fd = TEMP_FAILURE_RETRY(open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY));
        return writer->fd < 0 ? tw_fail("cannot write %s: %m", path) : 0;
    }
    writer->file = tw_atomic_open(path);
    if (!writer->file)
        return -1;
    writer->fd = tw_atomic_fd(writer->file);
    return 0;
}

static int start_compression(tw_writer *writer, const tw_writer_options *options)
{
    writer->zstd = ZSTD_createCCtx();
    if (!writer->zstd)
        return tw_fail("cannot start zstd compression");
    int level = options->level ? options->level : DEFAULT_LEVEL;
    if (ZSTD_isError(ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_compressionLevel, level)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_checksumFlag, 1)))
        return tw_fail("zstd refuses level %d with checksums", level);
    if (!options->provenance || !*options->provenance)
        return 0;
    size_t size = strlen(options->provenance);
    if (size > TW_PROVENANCE_MAX)
        return tw_fail("%s: the provenance is too long (%zu bytes)", writer->name, size);
    unsigned char head[TW_SKIPPABLE_HEAD];
    tw_skippable_head(head, (uint32_t)size);
    writer->begun = true;
    if (append(writer, (const char *)head, sizeof head) < 0)
        return -1;
    return append(writer, options->provenance, size);
}

tw_writer *tw_writer_open(const tw_writer_options *options)
{
    tw_writer *writer = tw_alloc(1, sizeof *writer);
    bool standard = !options->path || strcmp(options->path, "-") == 0;
    writer->name = tw_strdup(standard ? "<stdout>" : options->path);
    writer->fd = -1;
    tw_write_errors();
    if (open_output(writer, options->path) < 0)
        goto failed;
    struct stat status;
    if (fstat(writer->fd, &status) < 0) {
        tw_fail("cannot write %s: %m", writer->name);
        goto failed;
    }
    writer->live = !S_ISREG(status.st_mode);
    writer->buffer = tw_realloc(NULL, BUFFER_BYTES, 1);
    if (!options->plain && !isatty(writer->fd) && start_compression(writer, options) < 0)
        goto failed;
    return writer;
failed:
    tw_writer_abort(writer);
    return NULL;
}

int tw_writer_check(const char *path)
{
    struct stat status;
    const bool in_place = path && same_descriptor(path) < 0 && stat(path, &status) == 0 &&
                          !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
    /* To open a pipe and close it again would end it for its reader. */
    if (in_place)
        return access(path, W_OK) == 0 ? 0 : tw_fail("cannot write %s: %m", path);
    tw_writer *writer = tw_writer_open(&(tw_writer_options){.path = path, .plain = true});
    tw_writer_abort(writer);
    return writer ? 0 : -1;
}

/* A stream that ends between two frames would look whole: begins another frame, but for a
 * pipe that nothing was written to, whose other end knows as much. The thread's message stays. */
static void leave_open(tw_writer *writer)
{
    static const unsigned char magic[] = {0x28, 0xB5, 0x2F, 0xFD};
    if (!writer->zstd || writer->file || writer->failed || (writer->live && !writer->seen))
        return;
    char *message = tw_strdup(tw_error());
    if (writer->frame_lines > 0 || append(writer, (const char *)magic, sizeof magic) == 0)
        write_out(writer);
    tw_fail("%s", message);
    free(message);
}

static void release(tw_writer *writer)
{
    ZSTD_freeCCtx(writer->zstd);
    free(writer->buffer);
    free(writer->name);
    free(writer);
}

void tw_writer_abort(tw_writer *writer)
{
    if (!writer)
        return;
    leave_open(writer);
    if (writer->file)
        tw_atomic_discard(writer->file);
    else if (writer->fd >= 0)
        close(writer->fd);
    release(writer);
}

int tw_writer_close(tw_writer *writer)
{
    int result = writer->failed ? fail(writer) : 0;
    if (result == 0 && (end_frame(writer) < 0 || write_out(writer) < 0))
        result = -1;
    if (writer->failed == EPIPE)
        result = 0; /* `| head -1` is no failure */
    if (result < 0) {
        tw_writer_abort(writer);
        return -1;
    }
    if (writer->file)
        result = tw_atomic_commit(writer->file);
    else if (close(writer->fd) < 0 && errno != EINTR)
        result = tw_fail("cannot write %s: %m", writer->name);
    release(writer);
    return result;
}

bool tw_writer_broken_pipe(const tw_writer *writer)
{
    return writer->failed == EPIPE;
}
