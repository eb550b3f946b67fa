#include "stream/source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/progress.h"
#include "stream/frame.h"

enum { INPUT_BYTES = 256 << 10, VERIFY_BYTES = 64 << 20 };

typedef enum state {
    AT_START,   /* nothing known */
    IN_PLAIN,   /* not compressed */
    AT_FRAME,   /* between frames */
    IN_FRAME,   /* decompressing */
    IN_SKIPPED, /* in a skippable frame that says nothing to us */
    AT_END,
    FAILED
} state;

struct tw_source {
    char *name;
    int fd;
    state state;
    unsigned char *input; /* [INPUT_BYTES]; not yet used: [at, end) */
    size_t at, end;
    uint64_t before;      /* bytes of the file before input[0] */
    uint64_t frame_start; /* byte where the open frame starts */
    uint64_t skip;        /* bytes left of a skippable frame */
    ZSTD_DCtx *zstd;
    bool holds;       /* zstd may: text that had no room */
    char *provenance; /* NULL: none so far */
    char *error;      /* message of a failure met before it could be returned */
};

static unsigned long long position(const tw_source *source)
{
    return source->before + source->at;
}

static unsigned long long read_so_far(const tw_source *source)
{
    return source->before + source->end;
}

/* Reads behind `end` once. Returns the count, 0 at the end of the file, -1. */
static ssize_t read_input(tw_source *source)
{
    if (source->at > 0) {
        memmove(source->input, source->input + source->at, source->end - source->at);
        source->before += source->at;
        source->end -= source->at;
        source->at = 0;
    }
    for (;;) {
        ssize_t count = read(source->fd, source->input + source->end, INPUT_BYTES - source->end);
        if (count >= 0) {
            source->end += (size_t)count;
            return count;
        }
        if (errno == EINTR && tw_interrupted())
            return tw_fail("%s: reading was interrupted", source->name);
        if (errno == EAGAIN) {
            struct pollfd wait = {.fd = source->fd, .events = POLLIN};
            poll(&wait, 1, -1);
        } else if (errno != EINTR) {
            return tw_fail("%s: byte %llu: cannot read: %m", source->name, read_so_far(source));
        }
    }
}

/* Has at least `count` unused bytes of input, unless the file ends before.
 * Returns how many there are, or -1. */
static ssize_t need(tw_source *source, size_t count)
{
    while (source->end - source->at < count) {
        ssize_t status = read_input(source);
        if (status < 0)
            return -1;
        if (status == 0)
            break;
    }
    return (ssize_t)(source->end - source->at);
}

static int fail_truncated(tw_source *source)
{
    return tw_fail("%s: byte %llu: the file ends inside a zstd frame; it was cut short",
                   source->name, read_so_far(source));
}

/* What kind of stream is it? */
static int start(tw_source *source)
{
    ssize_t count = need(source, TW_MAGIC_BYTES);
    if (count < 0)
        return -1;
    const unsigned char *head = source->input + source->at;
    if (count >= 4 && (tw_is_zstd_frame(head) || tw_is_skippable_frame(head))) {
        source->state = AT_FRAME;
        return 0;
    }
    const char *command = NULL;
    const char *format = tw_foreign_format(head, (size_t)count, &command);
    if (format)
        return tw_fail("%s: it is compressed by %s; expected JSON lines, plain or zstd (try: %s "
                       "FILE | ...)",
                       source->name, format, command);
    source->state = count == 0 ? AT_END : IN_PLAIN;
    return 0;
}

/* The content of a skippable frame, if it is provenance (others use the same
 * magic number for their own ends); 1, 0 if it is to be skipped, -1. */
static int take_provenance(tw_source *source, uint32_t size)
{
    if (source->provenance || source->zstd || size > TW_PROVENANCE_MAX)
        return 0;
    char *text = tw_alloc((size_t)size + 1, 1);
    for (size_t done = 0; done < size;) {
        ssize_t count = need(source, 1);
        if (count <= 0) {
            free(text);
            return count < 0 ? -1 : fail_truncated(source);
        }
        size_t part = size - done < (size_t)count ? size - done : (size_t)count;
        memcpy(text + done, source->input + source->at, part);
        source->at += part;
        done += part;
    }
    if (tw_is_provenance(text, size))
        source->provenance = text;
    else
        free(text);
    return 1;
}

static int skippable(tw_source *source)
{
    ssize_t count = need(source, TW_SKIPPABLE_HEAD);
    if (count < 0)
        return -1;
    if (count < TW_SKIPPABLE_HEAD)
        return fail_truncated(source);
    const unsigned char *head = source->input + source->at;
    bool ours = tw_is_provenance_frame(head);
    uint32_t size = tw_skippable_size(head);
    source->at += TW_SKIPPABLE_HEAD;
    int taken = ours ? take_provenance(source, size) : 0;
    if (taken < 0)
        return -1;
    source->skip = taken ? 0 : size;
    source->state = taken ? AT_FRAME : IN_SKIPPED;
    return 0;
}

static int begin_frame(tw_source *source)
{
    if (!source->zstd)
        source->zstd = ZSTD_createDCtx();
    if (!source->zstd || ZSTD_isError(ZSTD_DCtx_reset(source->zstd, ZSTD_reset_session_only)))
        return tw_fail("%s: cannot start zstd decompression", source->name);
    source->frame_start = position(source);
    source->state = IN_FRAME;
    return 0;
}

static int next_frame(tw_source *source)
{
    ssize_t count = need(source, 4);
    if (count < 0)
        return -1;
    if (count == 0) {
        source->state = AT_END;
        return 0;
    }
    if (count < 4)
        return fail_truncated(source);
    const unsigned char *magic = source->input + source->at;
    if (tw_is_zstd_frame(magic))
        return begin_frame(source);
    if (tw_is_skippable_frame(magic))
        return skippable(source);
    return tw_fail("%s: byte %llu: expected a zstd frame (is plain text joined to compressed?)",
                   source->name, position(source));
}

static int skip(tw_source *source)
{
    ssize_t count = source->skip ? need(source, 1) : 0;
    if (count < 0)
        return -1;
    if (count == 0 && source->skip)
        return fail_truncated(source);
    size_t part = source->skip < (uint64_t)count ? (size_t)source->skip : (size_t)count;
    source->at += part;
    source->skip -= part;
    if (source->skip == 0)
        source->state = AT_FRAME;
    return 0;
}

/* A frame of `zstd --long` or `--ultra`, whose reader has to remember that much. */
static int fail_window(tw_source *source)
{
    return tw_fail("%s: byte %llu: the zstd frame that starts here needs a window of more than "
                   "128 MiB to be read (it was written with --long or --ultra); try: zstd -dc "
                   "--long=31 FILE | ...",
                   source->name, (unsigned long long)source->frame_start);
}

/* Decompresses what input there is: the count of text, or -1. */
static ssize_t decompress_input(tw_source *source, void *text, size_t size)
{
    ZSTD_inBuffer in = {source->input + source->at, source->end - source->at, 0};
    ZSTD_outBuffer out = {text, size, 0};
    size_t left = ZSTD_decompressStream(source->zstd, &out, &in);
    source->at += in.pos;
    source->holds = out.pos == size;
    if (ZSTD_getErrorCode(left) == ZSTD_error_frameParameter_windowTooLarge)
        return fail_window(source);
    if (ZSTD_isError(left))
        return tw_fail("%s: byte %llu: damaged zstd frame (it starts at byte %llu): %s",
                       source->name, position(source), (unsigned long long)source->frame_start,
                       ZSTD_getErrorName(left));
    if (left == 0)
        source->state = AT_FRAME;
    return (ssize_t)out.pos;
}

/* Decompresses until there is some text or the frame ends: the count, or -1. */
static ssize_t decompress(tw_source *source, void *text, size_t size)
{
    for (;;) {
        ssize_t got = decompress_input(source, text, size);
        if (got != 0 || source->state != IN_FRAME)
            return got;
        if (source->at == source->end) {
            ssize_t count = read_input(source);
            if (count <= 0)
                return count < 0 ? -1 : fail_truncated(source);
        }
    }
}

static ssize_t plain(tw_source *source, char *text, size_t size)
{
    ssize_t count = need(source, 1);
    if (count < 0)
        return -1;
    if (count == 0)
        source->state = AT_END;
    size_t part = (size_t)count < size ? (size_t)count : size;
    memcpy(text, source->input + source->at, part);
    source->at += part;
    return (ssize_t)part;
}

/* One step that gives no text: from one state to the next. */
static int step(tw_source *source)
{
    if (source->state == AT_START)
        return start(source);
    return source->state == AT_FRAME ? next_frame(source) : skip(source);
}

/* A failure is final. */
static ssize_t keep_failure(tw_source *source, ssize_t count)
{
    if (count < 0) {
        source->state = FAILED;
        source->error = tw_strdup(tw_error());
    }
    return count;
}

ssize_t tw_source_read(tw_source *source, char *text, size_t size)
{
    if (source->error)
        return tw_fail("%s", source->error);
    ssize_t count = 0;
    while (count == 0 && source->state != AT_END) {
        if (source->state == IN_PLAIN)
            count = plain(source, text, size);
        else if (source->state == IN_FRAME)
            count = decompress(source, text, size);
        else
            count = step(source);
    }
    return keep_failure(source, count);
}

/* Makes one step if its input is there: as tw_source_read, but 0 for no text so far. */
static ssize_t read_input_there(tw_source *source, char *text, size_t size)
{
    const size_t there = source->end - source->at;
    if (source->state == IN_FRAME)
        return there > 0 || source->holds ? decompress_input(source, text, size) : 0;
    if (source->state == IN_PLAIN)
        return there > 0 ? plain(source, text, size) : 0;
    return there >= TW_SKIPPABLE_HEAD ? step(source) : 0;
}

ssize_t tw_source_read_ready(tw_source *source, char *text, size_t size)
{
    while (!source->error && source->state != AT_END) {
        const state before = source->state;
        const size_t at = source->at;
        ssize_t count = read_input_there(source, text, size);
        if (count != 0)
            return keep_failure(source, count);
        if (source->at != at || source->state != before)
            continue;
        struct pollfd input = {.fd = source->fd, .events = POLLIN};
        if (poll(&input, 1, 0) <= 0)
            return TW_NOT_READY;
        count = read_input(source);
        if (count <= 0)
            return count < 0 ? keep_failure(source, count) : tw_source_read(source, text, size);
    }
    return tw_source_read(source, text, size);
}

int tw_source_verify(tw_source *source)
{
    struct stat status;
    if (source->state != IN_FRAME || fstat(source->fd, &status) < 0 || !S_ISREG(status.st_mode))
        return 0;
    char *message = tw_strdup(tw_error()), *text = tw_realloc(NULL, INPUT_BYTES, 1);
    ssize_t count = 0;
    for (size_t total = 0; source->state == IN_FRAME && total < VERIFY_BYTES && count >= 0;) {
        count = decompress(source, text, INPUT_BYTES);
        total += count > 0 ? (size_t)count : 0;
    }
    if (count >= 0)
        tw_fail("%s", message);
    keep_failure(source, -1);
    free(message);
    free(text);
    return count < 0 ? -1 : 0;
}

const char *tw_source_provenance(tw_source *source)
{
    /* A failure on the way is for the next tw_source_read to return. */
    while (!source->error && !source->provenance &&
           (source->state == AT_START || source->state == IN_SKIPPED ||
            (source->state == AT_FRAME && !source->zstd)))
        keep_failure(source, step(source));
    return source->provenance ? source->provenance : "";
}

const char *tw_source_name(const tw_source *source)
{
    return source->name;
}

tw_source *tw_source_open(const char *path)
{
    bool standard = !path || strcmp(path, "-") == 0;
    tw_source *source = tw_alloc(1, sizeof *source);
    source->name = tw_strdup(standard ? "<stdin>" : path);
    source->input = tw_realloc(NULL, INPUT_BYTES, 1);
    source->fd = standard ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                          : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat status;
    if (source->fd < 0 || fstat(source->fd, &status) < 0) {
        tw_fail("cannot open %s: %m", source->name);
        goto failed;
    }
    if (S_ISDIR(status.st_mode)) {
        tw_fail("%s: it is a folder; expected a stream of JSON lines (a model's folder is given "
                "by its option)",
                source->name);
        goto failed;
    }
    return source;
failed:
    tw_source_close(source);
    return NULL;
}

void tw_source_close(tw_source *source)
{
    if (!source)
        return;
    if (source->fd >= 0)
        close(source->fd);
    ZSTD_freeDCtx(source->zstd);
    free(source->provenance);
    free(source->error);
    free(source->input);
    free(source->name);
    free(source);
}
