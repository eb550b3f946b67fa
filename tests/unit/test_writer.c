/* Writing streams of lines: the format as libzstd alone sees it, the same bytes
 * whoever reads, files whole or not at all, pipes that stream or break. */
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
#include "lines.h"
#include "scratch.h"
#include "stream/stream.h"

enum { LINES = 1300 };

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
    assert_memory_equal(bytes + 8, lines_provenance, 18);
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

static void expect_same_files(const char *a, const char *b)
{
    size_t a_size = 0, b_size = 0;
    char *a_bytes = scratch_read(a, &a_size), *b_bytes = scratch_read(b, &b_size);
    assert_int_equal(a_size, b_size);
    assert_memory_equal(a_bytes, b_bytes, a_size);
    free(a_bytes);
    free(b_bytes);
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

/* Given up after `lines` lines, into a file that a shell opened. */
static void abandon(const char *path, int lines)
{
    char name[32];
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    snprintf(name, sizeof name, "/dev/fd/%d", fd);
    tw_writer *writer = tw_writer_open(&(tw_writer_options){.path = name, .provenance = "{}"});
    for (int i = 0; i < lines; i++)
        assert_int_equal(tw_writer_line(writer, "{}", 2), 0);
    tw_fail("the reason");
    tw_writer_abort(writer);
    assert_string_equal(tw_error(), "the reason");
    close(fd);
}

/* What is given up has an open frame at its end, wherever that is: no reader takes it for whole. */
static void test_abandoned(void **state)
{
    (void)state;
    static const int counts[] = {0, 1, 3, 511, 512, 513, 1024};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        abandon("part", counts[i]);
        tw_reader *reader = tw_reader_open("part");
        char *line = NULL;
        size_t length = 0;
        int status = 0;
        while ((status = tw_reader_line(reader, &line, &length)) > 0)
            ;
        assert_int_equal(status, -1);
        assert_non_null(strstr(tw_error(), "the file ends inside a zstd frame"));
        tw_reader_close(reader);
    }
}

/* The place is tried, and stays as it was. */
static void test_check(void **state)
{
    (void)state;
    scratch_text("there", "old");
    assert_int_equal(tw_writer_check("there"), 0);
    char *text = scratch_read("there", NULL);
    assert_string_equal(text, "old");
    free(text);
    assert_int_equal(tw_writer_check("new"), 0);
    assert_int_equal(access("new", F_OK), -1);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(tw_writer_check("fifo"), 0); /* without waiting for its reader */
    assert_int_equal(tw_writer_check("/dev/null"), 0);
    assert_int_equal(tw_writer_check(NULL), 0);
    assert_int_equal(tw_writer_check("."), -1);
    assert_string_equal(tw_error(), "cannot write .: it is a folder");
    assert_int_equal(tw_writer_check("no/place"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_abandoned),  cmocka_unit_test(test_check),
        cmocka_unit_test(test_empty),      cmocka_unit_test(test_format),
        cmocka_unit_test(test_same_bytes), cmocka_unit_test(test_atomic),
        cmocka_unit_test(test_unwritable), cmocka_unit_test(test_broken_pipe),
        cmocka_unit_test(test_streaming),  cmocka_unit_test(test_standard_output),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
