/* Streams of lines: what is written is read back, by us and by libzstd alone;
 * damaged and foreign input is refused with the place. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zstd.h>
/* cmocka wants some of the above. */
#include <cmocka.h>

#include "core/error.h"
#include "core/memory.h"
#include "scratch.h"
#include "stream/stream.h"

static const char provenance[] = "{\"program\":\"test\"}";

/* Line `i` of the made-up text: of very different lengths, some empty. */
static char *made_line(int i)
{
    int length = i % 7 == 3 ? 0 : i * 37 % 211 + (i % 97 == 5 ? 300000 : 0);
    char *line = tw_alloc((size_t)length + 1, 1);
    for (int j = 0; j < length; j++)
        line[j] = (char)('a' + (i * 31 + j % 1000 * j % 1009) % 23);
    return line;
}

/* A plain or compressed file of the lines from..to. */
static void make_file(const char *path, int from, int to, bool plain, bool flushing)
{
    tw_writer *writer = tw_writer_open(
        &(tw_writer_options){.path = path, .plain = plain, .provenance = provenance});
    assert_non_null(writer);
    for (int i = from; i < to; i++) {
        char *line = made_line(i);
        assert_int_equal(tw_writer_line(writer, line, strlen(line)), 0);
        free(line);
        if (flushing && i % 3 == 0)
            assert_int_equal(tw_writer_flush(writer), 0);
    }
    assert_int_equal(tw_writer_close(writer), 0);
}

/* Reads the lines from..to and the end of the stream. */
static void expect_lines(const char *path, int from, int to)
{
    tw_reader *reader = tw_reader_open(path);
    assert_non_null(reader);
    char *line = NULL;
    size_t length = 0;
    for (int i = from; i < to; i++) {
        assert_int_equal(tw_reader_line(reader, &line, &length), 1);
        char *expected = made_line(i);
        assert_int_equal(length, strlen(expected));
        assert_string_equal(line, expected);
        free(expected);
        assert_int_equal(tw_reader_line_number(reader), i - from + 1);
    }
    assert_int_equal(tw_reader_line(reader, &line, &length), 0);
    assert_int_equal(tw_reader_line(reader, &line, &length), 0);
    tw_reader_close(reader);
}

static void expect_same_files(const char *a, const char *b)
{
    size_t a_size = 0, b_size = 0;
    char *a_bytes = scratch_read(a, &a_size), *b_bytes = scratch_read(b, &b_size);
    assert_int_equal(a_size, b_size);
    assert_memory_equal(a_bytes, b_bytes, a_size);
    free(a_bytes);
    free(b_bytes);
}

static void append_file(const char *to, const char *from)
{
    size_t size = 0;
    char *bytes = scratch_read(from, &size);
    FILE *file = fopen(to, "ab");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    free(bytes);
}

enum { LINES = 1300 };

static void test_round_trip(void **state)
{
    (void)state;
    make_file("plain", 0, LINES, true, false);
    make_file("packed", 0, LINES, false, false);
    expect_lines("plain", 0, LINES);
    expect_lines("packed", 0, LINES);
    make_file("none", 0, 0, true, false);
    make_file("none.zst", 0, 0, false, false);
    expect_lines("none", 0, 0);
    expect_lines("none.zst", 0, 0);
    expect_lines("/dev/null", 0, 0);
}

/* Without lines and provenance there still is a stream: one empty frame. */
static void test_empty(void **state)
{
    (void)state;
    tw_writer *writer = tw_writer_open(&(tw_writer_options){.path = "empty"});
    assert_int_equal(tw_writer_close(writer), 0);
    size_t size = 0;
    char *bytes = scratch_read("empty", &size), out[8];
    assert_int_equal(ZSTD_findFrameCompressedSize(bytes, size), size);
    assert_int_equal(ZSTD_decompress(out, sizeof out, bytes, size), 0);
    free(bytes);
    expect_lines("empty", 0, 0);
}

/* Frames hold TW_FRAME_LINES whole lines with checksums, behind the provenance. */
static void test_format(void **state)
{
    (void)state;
    make_file("plain", 0, LINES, true, false);
    make_file("packed", 0, LINES, false, false);
    size_t size = 0, plain_size = 0;
    char *bytes = scratch_read("packed", &size), *plain = scratch_read("plain", &plain_size);
    assert_memory_equal(bytes, "\x50\x2a\x4d\x18\x12\0\0\0", 8);
    assert_memory_equal(bytes + 8, provenance, 18);
    char *at = bytes + 26, *text = plain;
    for (int frame = 0; frame < 3; frame++) {
        size_t length = ZSTD_findFrameCompressedSize(at, size - (size_t)(at - bytes));
        assert_false(ZSTD_isError(length));
        assert_true(at[4] & 4); /* Content_Checksum_flag */
        size_t most = (size_t)TW_LINE_MAX;
        char *out = tw_realloc(NULL, most, 1);
        size_t got = ZSTD_decompress(out, most, at, length);
        assert_false(ZSTD_isError(got));
        int lines = 0;
        for (size_t i = 0; i < got; i++)
            lines += out[i] == '\n';
        assert_int_equal(lines, frame < 2 ? TW_FRAME_LINES : LINES - 2 * TW_FRAME_LINES);
        assert_true(out[got - 1] == '\n');
        assert_memory_equal(out, text, got);
        free(out);
        at += length;
        text += got;
    }
    assert_ptr_equal(at, bytes + size);
    assert_ptr_equal(text, plain + plain_size);
    free(bytes);
    free(plain);
}

/* Everything given to `fd` while the lines are written, by a child's hand. */
static void copy_from_pipe(int fd, const char *path)
{
    FILE *to = fopen(path, "wb");
    char bytes[1000];
    for (ssize_t count; (count = read(fd, bytes, sizeof bytes)) > 0;)
        if (fwrite(bytes, 1, (size_t)count, to) != (size_t)count)
            _exit(1);
    _exit(fclose(to) == 0 ? 0 : 1);
}

static void expect_child(pid_t child)
{
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* The bytes depend on the lines alone: not on flushes, nor on where they go. */
static void test_same_bytes(void **state)
{
    (void)state;
    make_file("a", 0, LINES, false, false);
    make_file("b", 0, LINES, false, true);
    expect_same_files("a", "b");
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[1]);
        copy_from_pipe(ends[0], "c");
    }
    char name[32];
    snprintf(name, sizeof name, "/dev/fd/%d", ends[1]);
    make_file(name, 0, LINES, false, true);
    close(ends[0]);
    close(ends[1]);
    expect_child(child);
    expect_same_files("a", "c");
}

/* Shards at frame boundaries, joined, are the whole (but for the provenance). */
static void test_joined(void **state)
{
    (void)state;
    make_file("a", 0, TW_FRAME_LINES, false, false);
    make_file("b", TW_FRAME_LINES, LINES, false, false);
    make_file("all", 0, LINES, false, false);
    append_file("a", "b");
    expect_lines("a", 0, LINES);
    size_t size = 0, all_size = 0;
    char *joined = scratch_read("a", &size), *all = scratch_read("all", &all_size);
    assert_int_equal(size, all_size + 26); /* a second provenance between */
    free(joined);
    free(all);
    /* A foreign skippable frame, large, between the frames and at the end. */
    unsigned char head[8] = {0x5e, 0x2a, 0x4d, 0x18, 0x40, 0x42, 0x0f, 0}; /* 1,000,000 */
    char *skipped = tw_alloc(1000008, 1);
    memcpy(skipped, head, 8);
    scratch_write("skipped", skipped, 1000008);
    free(skipped);
    make_file("c", 0, 9, false, false);
    append_file("c", "skipped");
    make_file("d", 9, 20, false, false);
    append_file("c", "d");
    append_file("c", "skipped");
    expect_lines("c", 0, 20);
}

static void expect_provenance(const char *path, const char *expected)
{
    for (int early = 0; early < 2; early++) {
        tw_reader *reader = tw_reader_open(path);
        assert_non_null(reader);
        char *line = NULL;
        size_t length = 0;
        if (early)
            assert_string_equal(tw_reader_provenance(reader), expected);
        assert_int_equal(tw_reader_line(reader, &line, &length), 1);
        assert_string_equal(tw_reader_provenance(reader), expected);
        tw_reader_close(reader);
    }
}

static void test_provenance(void **state)
{
    (void)state;
    make_file("packed", 0, 9, false, false);
    expect_provenance("packed", provenance);
    make_file("plain", 0, 9, true, false);
    expect_provenance("plain", "");
    /* Others write skippable frames of the same magic, which are not ours. */
    scratch_write("other", "\x50\x2a\x4d\x18\x04\0\0\0\x12\x34\x56\x78", 12);
    append_file("other", "packed");
    expect_provenance("other", provenance);
    /* Only what stands before the first text is provenance. */
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    char out[200];
    size_t size = ZSTD_compressCCtx(zstd, out, sizeof out, "x\n", 2, 1);
    ZSTD_freeCCtx(zstd);
    scratch_write("late", out, size);
    append_file("late", "packed");
    expect_provenance("late", "");
}

/* Reads to the failure, whose message must be the given one. */
static void expect_failure(const char *path, const char *message)
{
    tw_reader *reader = tw_reader_open(path);
    int status = reader ? 1 : -1;
    char *line = NULL;
    size_t length = 0;
    while (status > 0)
        status = tw_reader_line(reader, &line, &length);
    assert_int_equal(status, -1);
    assert_string_equal(tw_error(), message);
    if (reader)
        assert_int_equal(tw_reader_line(reader, &line, &length), -1);
    tw_reader_close(reader);
}

static void test_foreign_input(void **state)
{
    (void)state;
    scratch_write("gz", "\x1f\x8b\x08\0\0\0\0\0", 8);
    scratch_write("xz", "\xfd\x37zXZ\0\0\0", 8);
    scratch_write("bz", "BZh91AY&SY", 10);
    expect_failure("gz", "gz: it is compressed by gzip; expected JSON lines, plain or zstd (try: "
                         "zcat FILE | ...)");
    expect_failure("xz", "xz: it is compressed by xz; expected JSON lines, plain or zstd (try: "
                         "xzcat FILE | ...)");
    expect_failure("bz", "bz: it is compressed by bzip2; expected JSON lines, plain or zstd (try: "
                         "bzcat FILE | ...)");
    expect_failure("absent", "cannot open absent: No such file or directory");
    assert_int_equal(mkdir("folder", 0777), 0);
    expect_failure("folder", "folder: it is a folder; expected a stream of JSON lines (a model's "
                             "folder is given by its option)");
    scratch_write("nul", "ab\ncd\0e\n", 8);
    expect_failure("nul", "nul:2: a NUL byte; expected UTF-8 text");
    make_file("packed", 0, 3, false, false);
    struct stat status;
    assert_int_equal(stat("packed", &status), 0);
    scratch_text("text", "{\"prompt\": 1}\n");
    append_file("packed", "text");
    char message[200];
    snprintf(message, sizeof message,
             "packed: byte %lld: expected a zstd frame (is plain text joined to compressed?)",
             (long long)status.st_size);
    expect_failure("packed", message);
}

/* People forget the last line feed; a compressed stream without it was cut. */
static void test_last_line(void **state)
{
    (void)state;
    scratch_text("plain", "a\nbc");
    tw_reader *reader = tw_reader_open("plain");
    char *line = NULL;
    size_t length = 0;
    assert_int_equal(tw_reader_line(reader, &line, &length), 1);
    assert_int_equal(tw_reader_line(reader, &line, &length), 1);
    assert_string_equal(line, "bc");
    assert_int_equal(tw_reader_line(reader, &line, &length), 0);
    tw_reader_close(reader);
    char out[200];
    size_t size = ZSTD_compress(out, sizeof out, "a\nbc", 4, 1);
    scratch_write("packed", out, size);
    expect_failure("packed", "packed:2: the stream ends inside this line, at byte 4 of its text");
}

/* A stream cut anywhere is an error, except between frames. */
static void test_truncated(void **state)
{
    (void)state;
    make_file("whole", 0, 5, false, false);
    size_t size = 0;
    char *bytes = scratch_read("whole", &size);
    for (size_t cut = 1; cut < size; cut++) {
        scratch_write("cut", bytes, cut);
        if (cut == 26) { /* the provenance alone: a stream without lines */
            expect_lines("cut", 0, 0);
            continue;
        }
        char message[200];
        snprintf(message, sizeof message,
                 "cut: byte %zu: the file ends inside a zstd frame; it was cut short", cut);
        if (cut >= 4) {
            expect_failure("cut", message);
            continue;
        }
        /* Too short to be told from text: then it is a line that is not JSON. */
        tw_reader *reader = tw_reader_open("cut");
        char *line = NULL;
        size_t length = 0;
        assert_int_equal(tw_reader_line(reader, &line, &length), 1);
        assert_int_equal(length, cut);
        tw_reader_close(reader);
    }
    free(bytes);
}

/* True when reading fails; else every line must be as it was written. */
static bool is_noticed(const char *path, int lines)
{
    tw_reader *reader = tw_reader_open(path);
    char *line = NULL;
    size_t length = 0;
    int status = 0, count = 0;
    bool same = true;
    while ((status = tw_reader_line(reader, &line, &length)) > 0) {
        char *expected = made_line(count++);
        same = same && strcmp(line, expected) == 0;
        free(expected);
    }
    tw_reader_close(reader);
    if (status < 0)
        return true;
    assert_true(same && count == lines);
    return false;
}

/* One flipped bit never changes a text unnoticed; each message names a byte.
 * (A few bits mean nothing: the unused ones of a frame's head, its window's size,
 * the padding of entropy codes.) */
static void test_flipped(void **state)
{
    (void)state;
    make_file("whole", 0, 40, false, false);
    size_t size = 0, noticed = 0;
    char *bytes = scratch_read("whole", &size);
    for (size_t at = 26; at < size; at++) {
        bytes[at] ^= 0x10;
        scratch_write("flipped", bytes, size);
        bytes[at] ^= 0x10;
        if (!is_noticed("flipped", 40))
            continue;
        noticed++;
        if (at >= 30) /* before, it is no longer a zstd stream */
            assert_memory_equal(tw_error(), "flipped: byte ", 14);
    }
    assert_true(noticed >= (size - 26) * 99 / 100);
    free(bytes);
}

/* The longest line is read, one byte more is refused before more is. */
static void test_long_line(void **state)
{
    (void)state;
    size_t size = (size_t)TW_LINE_MAX + 2;
    char *text = tw_realloc(NULL, size, 1);
    memset(text, 'x', size);
    text[0] = '\n';
    text[size - 1] = '\n';
    scratch_write("longest", text, size);
    tw_reader *reader = tw_reader_open("longest");
    char *line = NULL;
    size_t length = 0;
    assert_int_equal(tw_reader_line(reader, &line, &length), 1);
    assert_int_equal(tw_reader_line(reader, &line, &length), 1);
    assert_int_equal(length, TW_LINE_MAX);
    tw_reader_close(reader);
    text[size - 1] = 'x';
    scratch_write("longer", text, size);
    expect_failure("longer", "longer:2: the line is longer than 64 MiB");
    free(text);
}

static void test_atomic(void **state)
{
    (void)state;
    scratch_leave(state);
    scratch_enter(state);
    tw_writer *writer = tw_writer_open(&(tw_writer_options){.path = "out"});
    assert_int_equal(tw_writer_line(writer, "a", 1), 0);
    assert_int_equal(scratch_count(), 1);
    assert_int_equal(access("out", F_OK), -1); /* nothing there before the end */
    tw_writer_abort(writer);
    assert_int_equal(scratch_count(), 0);
    scratch_text("out", "old");
    assert_int_equal(chmod("out", 0640), 0);
    assert_int_equal(symlink("out", "link"), 0);
    writer = tw_writer_open(&(tw_writer_options){.path = "link", .plain = true});
    assert_int_equal(tw_writer_line(writer, "new", 3), 0);
    char *text = scratch_read("out", NULL);
    assert_string_equal(text, "old");
    free(text);
    assert_int_equal(tw_writer_close(writer), 0);
    text = scratch_read("out", NULL);
    assert_string_equal(text, "new\n");
    free(text);
    struct stat status;
    assert_int_equal(lstat("link", &status), 0);
    assert_true(S_ISLNK(status.st_mode)); /* the link's target was replaced */
    assert_int_equal(stat("out", &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    assert_int_equal(scratch_count(), 2);
    tw_writer_abort(NULL);
    tw_reader_close(NULL);
}

static void test_unwritable(void **state)
{
    (void)state;
    assert_null(tw_writer_open(&(tw_writer_options){.path = "absent/out"}));
    assert_string_equal(tw_error(), "cannot create absent/out: No such file or directory");
    mkdir("folder", 0777);
    assert_null(tw_writer_open(&(tw_writer_options){.path = "folder"}));
    assert_string_equal(tw_error(), "cannot write folder: it is a folder");
    tw_writer *writer = tw_writer_open(&(tw_writer_options){.path = "out"});
    assert_int_equal(tw_writer_line(writer, "a\nb", 3), -1);
    tw_writer_abort(writer);
    for (int plain = 0; plain < 2; plain++) {
        writer = tw_writer_open(&(tw_writer_options){.path = "/dev/full", .plain = plain});
        assert_non_null(writer);
        assert_int_equal(tw_writer_line(writer, "a", 1), -1);
        assert_false(tw_writer_broken_pipe(writer));
        assert_int_equal(tw_writer_close(writer), -1);
        assert_string_equal(tw_error(), "cannot write /dev/full: No space left on device");
    }
    writer = tw_writer_open(&(tw_writer_options){.path = "/dev/null"});
    assert_int_equal(tw_writer_line(writer, "a", 1), 0);
    assert_int_equal(tw_writer_close(writer), 0);
}

static void test_broken_pipe(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    char name[32];
    snprintf(name, sizeof name, "/dev/fd/%d", ends[1]);
    tw_writer *writer = tw_writer_open(&(tw_writer_options){.path = name});
    assert_int_equal(tw_writer_line(writer, "a", 1), 0);
    assert_false(tw_writer_broken_pipe(writer));
    close(ends[0]);
    assert_int_equal(tw_writer_line(writer, "b", 1), -1);
    assert_true(tw_writer_broken_pipe(writer));
    assert_int_equal(tw_writer_close(writer), 0);
    close(ends[1]);
}

/* A reader at the other end of a pipe has the first line at once, and never
 * lacks more than the 16 last ones. */
static void test_streaming(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    char name[32], out[1 << 16];
    snprintf(name, sizeof name, "/dev/fd/%d", ends[1]);
    tw_writer *writer = tw_writer_open(&(tw_writer_options){.path = name});
    ZSTD_DCtx *zstd = ZSTD_createDCtx();
    int seen = 0;
    for (int i = 1; i <= 600; i++) {
        assert_int_equal(tw_writer_line(writer, "line", 4), 0);
        char bytes[4096];
        ssize_t count = read(ends[0], bytes, sizeof bytes);
        ZSTD_inBuffer in = {bytes, count > 0 ? (size_t)count : 0, 0};
        while (in.pos < in.size) {
            ZSTD_outBuffer to = {out, sizeof out, 0};
            assert_false(ZSTD_isError(ZSTD_decompressStream(zstd, &to, &in)));
            seen += (int)to.pos / 5;
        }
        assert_true(seen > i - 16);
        if (i <= 2)
            assert_int_equal(seen, i);
    }
    ZSTD_freeDCtx(zstd);
    tw_writer_abort(writer);
    close(ends[0]);
    close(ends[1]);
}

/* `>>` through /dev/stdout appends; `-` is standard output. */
static void test_standard_output(void **state)
{
    (void)state;
    static const char *const names[] = {NULL, "-", "/dev/stdout"};
    for (int i = 0; i < 3; i++) {
        scratch_redirect(1, "out");
        printf("before\n");
        fflush(stdout);
        tw_writer *writer = tw_writer_open(&(tw_writer_options){.path = names[i], .plain = true});
        assert_non_null(writer);
        int failed = tw_writer_line(writer, "line", 4);
        failed |= tw_writer_close(writer);
        scratch_restore(1);
        assert_int_equal(failed, 0);
        char *text = scratch_read("out", NULL);
        assert_string_equal(text, "before\nline\n");
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_empty),
        cmocka_unit_test(test_format),        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_joined),        cmocka_unit_test(test_provenance),
        cmocka_unit_test(test_foreign_input), cmocka_unit_test(test_last_line),
        cmocka_unit_test(test_truncated),     cmocka_unit_test(test_flipped),
        cmocka_unit_test(test_long_line),     cmocka_unit_test(test_atomic),
        cmocka_unit_test(test_unwritable),    cmocka_unit_test(test_broken_pipe),
        cmocka_unit_test(test_streaming),     cmocka_unit_test(test_standard_output),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
