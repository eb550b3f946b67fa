#include "lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants some of the above. */
#include <cmocka.h>

#include "core/memory.h"
#include "scratch.h"
#include "stream/stream.h"

const char lines_provenance[] = "{\"program\":\"test\"}";

char *made_line(int i)
{
    int length = i % 7 == 3 ? 0 : i * 37 % 211 + (i % 97 == 5 ? 300000 : 0);
    char *line = tw_alloc((size_t)length + 1, 1);
    for (int j = 0; j < length; j++)
        line[j] = (char)('a' + (i * 31 + j % 1000 * j % 1009) % 23);
    return line;
}

void make_file(const char *path, int from, int to, bool plain, bool flushing)
{
    tw_writer *writer = tw_writer_open(
        &(tw_writer_options){.path = path, .plain = plain, .provenance = lines_provenance});
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

void expect_lines(const char *path, int from, int to)
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

void append_file(const char *to, const char *from)
{
    size_t size = 0;
    char *bytes = scratch_read(from, &size);
    FILE *file = fopen(to, "ab");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    free(bytes);
}
