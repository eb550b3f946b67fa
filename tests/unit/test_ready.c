/* Reading what a pipe has so far: a line is ready as soon as its last byte is there, and to ask
 * changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>
/* cmocka wants some of the above. */
#include <cmocka.h>

#include "core/error.h"
#include "core/memory.h"
#include "lines.h"
#include "scratch.h"
#include "stream/stream.h"

enum { LINES = 700, ROOM = 1 << 20 };

/* A pipe's end to write to, and a reader of the other. */
static tw_reader *open_pipe(int *to)
{
    int ends[2];
    char path[32];
    assert_int_equal(pipe(ends), 0);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    tw_reader *reader = tw_reader_open(path);
    assert_non_null(reader);
    close(ends[0]);
    *to = ends[1];
    return reader;
}

/* Lines that end in the text of one more byte, by libzstd's own hand. */
static int lines_of_byte(ZSTD_DCtx *zstd, char byte)
{
    static char text[ROOM];
    if (!zstd)
        return byte == '\n';
    ZSTD_inBuffer in = {&byte, 1, 0};
    ZSTD_outBuffer out = {text, ROOM, 0};
    assert_false(ZSTD_isError(ZSTD_decompressStream(zstd, &out, &in)));
    int lines = 0;
    for (size_t i = 0; i < out.pos; i++)
        lines += text[i] == '\n';
    return lines;
}

/* The stream at `path`, byte by byte; with a provenance of `whole` bytes at its head, that are
 * written at once. */
static void byte_by_byte(const char *path, bool plain, size_t whole)
{
    size_t size = 0, length = 0;
    char *bytes = scratch_read(path, &size), *line = NULL;
    ZSTD_DCtx *zstd = plain ? NULL : ZSTD_createDCtx();
    int to, there = 0, read = 0;
    tw_reader *reader = open_pipe(&to);
    assert_false(tw_reader_ready(reader));
    for (size_t i = 0; i < size; i++) {
        there += lines_of_byte(zstd, bytes[i]);
        if (i >= whole || i == 0) {
            size_t count = i == 0 && whole ? whole : 1;
            assert_int_equal(write(to, bytes + i, count), count);
        }
        while (tw_reader_ready(reader)) {
            assert_int_equal(tw_reader_line(reader, &line, &length), 1);
            read++;
        }
        assert_int_equal(read, there);
    }
    assert_int_equal(read, LINES);
    for (int i = 0; i < 100; i++)
        assert_false(tw_reader_ready(reader));
    close(to);
    assert_true(tw_reader_ready(reader));
    assert_int_equal(tw_reader_line(reader, &line, &length), 0);
    tw_reader_close(reader);
    ZSTD_freeDCtx(zstd);
    free(bytes);
}

static void ready_with_its_last_byte(void **state)
{
    (void)state;
    make_file("plain", 1, LINES + 1, true, false);
    byte_by_byte("plain", true, 0);
    make_file("packed", 1, LINES + 1, false, false);
    byte_by_byte("packed", false, 26);
}

/* One frame in some bytes, but of more text than a reader takes at a time: all of it is ready,
 * though nothing more is in the pipe. */
static void text_that_zstd_holds(void **state)
{
    (void)state;
    enum { LENGTH = 3 << 20 };
    char *text = tw_alloc(LENGTH, 1), *packed = tw_alloc(ROOM, 1), *line = NULL;
    memset(text, 'a', LENGTH);
    for (size_t i = 1; i <= 4; i++)
        text[i * LENGTH / 4 - 1] = '\n';
    size_t size = ZSTD_compress(packed, ROOM, text, LENGTH, 3), length = 0;
    assert_false(ZSTD_isError(size));
    int to;
    tw_reader *reader = open_pipe(&to);
    assert_int_equal(write(to, packed, size), size);
    for (size_t i = 0; i < 4; i++) {
        assert_true(tw_reader_ready(reader));
        assert_int_equal(tw_reader_line(reader, &line, &length), 1);
        assert_int_equal(length, LENGTH / 4 - 1);
    }
    assert_false(tw_reader_ready(reader));
    close(to);
    assert_int_equal(tw_reader_line(reader, &line, &length), 0);
    tw_reader_close(reader);
    free(packed);
    free(text);
}

/* A failure is ready too, and is the same as without asking. */
static void failures_are_ready(void **state)
{
    (void)state;
    make_file("packed", 0, 3, false, false);
    size_t size = 0, length = 0;
    char *bytes = scratch_read("packed", &size), *line = NULL;
    for (size_t cut = 1; cut < 40; cut += 19) {
        int to;
        tw_reader *reader = open_pipe(&to);
        assert_int_equal(write(to, bytes, size - cut), size - cut);
        while (tw_reader_ready(reader))
            assert_int_equal(tw_reader_line(reader, &line, &length), 1);
        close(to);
        assert_true(tw_reader_ready(reader));
        assert_int_equal(tw_reader_line(reader, &line, &length), -1);
        assert_non_null(strstr(tw_error(), "it was cut short"));
        assert_true(tw_reader_ready(reader));
        assert_int_equal(tw_reader_line(reader, &line, &length), -1);
        tw_reader_close(reader);
    }
    free(bytes);
    make_file("plain", 1, LINES + 1, true, false);
    tw_reader *reader = tw_reader_open("plain"); /* a file never keeps one waiting */
    for (int i = 0; i <= LINES; i++) {
        assert_true(tw_reader_ready(reader));
        assert_int_equal(tw_reader_line(reader, &line, &length), i < LINES);
    }
    tw_reader_close(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ready_with_its_last_byte),
        cmocka_unit_test(text_that_zstd_holds),
        cmocka_unit_test(failures_are_ready),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
