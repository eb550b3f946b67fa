/* Reading streams of lines: what was written, joined, and what is damaged or
 * foreign, which is refused with the place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zstd.h>
/* cmocka wants some of the above. */
#include <cmocka.h>

#include "core/error.h"
#include "core/memory.h"
#include "lines.h"
#include "scratch.h"
#include "stream/stream.h"

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

/* Shards at frame boundaries, joined, are the whole (but for the lines_provenance). */
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
    expect_provenance("packed", lines_provenance);
    make_file("plain", 0, 9, true, false);
    expect_provenance("plain", "");
    /* Others write skippable frames of the same magic, which are not ours. */
    scratch_write("other", "\x50\x2a\x4d\x18\x04\0\0\0\x12\x34\x56\x78", 12);
    append_file("other", "packed");
    expect_provenance("other", lines_provenance);
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

/* The last line feed is often forgotten; plain or compressed, the line counts. */
static void test_last_line(void **state)
{
    (void)state;
    char packed[200];
    scratch_text("plain", "a\nbc");
    scratch_write("packed", packed, ZSTD_compress(packed, sizeof packed, "a\nbc", 4, 1));
    static const char *const paths[] = {"plain", "packed"};
    for (int i = 0; i < 2; i++) {
        tw_reader *reader = tw_reader_open(paths[i]);
        char *line = NULL;
        size_t length = 0;
        assert_int_equal(tw_reader_line(reader, &line, &length), 1);
        assert_int_equal(tw_reader_line(reader, &line, &length), 1);
        assert_string_equal(line, "bc");
        assert_int_equal(tw_reader_line(reader, &line, &length), 0);
        assert_int_equal(tw_reader_line_number(reader), 2);
        tw_reader_close(reader);
    }
}

/* A window of 2 GiB is told from damage, and how to read it is said. */
static void test_window(void **state)
{
    (void)state;
    /* RFC 8878, 3.1: no checksum, window descriptor 21 << 3, a last raw block of two bytes. */
    static const char frame[] = "\x28\xB5\x2F\xFD\x00\xA8\x11\0\0a\n";
    scratch_write("wide", frame, sizeof frame - 1);
    expect_failure("wide", "wide: byte 0: the zstd frame that starts here needs a window of more "
                           "than 128 MiB to be read (it was written with --long or --ultra); try: "
                           "zstd -dc --long=31 FILE | ...");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_joined),
        cmocka_unit_test(test_provenance), cmocka_unit_test(test_foreign_input),
        cmocka_unit_test(test_last_line),  cmocka_unit_test(test_window),
        cmocka_unit_test(test_truncated),  cmocka_unit_test(test_flipped),
        cmocka_unit_test(test_long_line),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
