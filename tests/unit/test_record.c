/* Records: what is kept, what is refused and in which words, numbers to the bit. */
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
#include "core/rng.h"
#include "scratch.h"
#include "stream/json.h"
#include "stream/parse.h"
#include "stream/record.h"

static tw_records *open_text(const char *text, const tw_records_options *options)
{
    scratch_text("in", text);
    char *files[] = {"in"};
    tw_records *records = tw_records_open(files, 1, options);
    assert_non_null(records);
    return records;
}

/* The one record of a line, as it is written back; the caller frees. */
static char *written(const char *line)
{
    tw_records *records = open_text(line, &(tw_records_options){0});
    tw_record record;
    int status = tw_records_next(records, &record);
    if (status != 1)
        fail_msg("%s", tw_error());
    tw_writer *writer = tw_writer_open(&(tw_writer_options){.path = "out", .plain = true});
    assert_int_equal(tw_record_write(writer, &record), 0);
    assert_int_equal(tw_writer_close(writer), 0);
    tw_record_clear(&record);
    tw_records_close(records);
    return scratch_read("out", NULL);
}

static void expect_written(const char *line, const char *expected)
{
    char *text = written(line);
    assert_string_equal(text, expected);
    free(text);
}

static void expect_kept(const char *line)
{
    expect_written(line, line);
}

/* What no program changes has the same text as before, whatever JSON allows. */
static void test_kept(void **state)
{
    (void)state;
    expect_kept("{\"z\":1,\"a\":[0.1,-0.0,1e+300,5e-324,0.30000000000000004,-7,1.0],\"id\":3}\n");
    expect_kept("{\"id\":\"x\",\"m\":{\"b\":null,\"a\":{\"c\":[[],{}]}},\"t\":true,\"f\":false}\n");
    expect_kept("{\"id\":9007199254740993,\"n\":-9223372036854775808,\"p\":9223372036854775807}\n");
    expect_kept("{\"id\":0,\"s\":\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u0000 \x7f é 🎉\"}\n");
    expect_kept(
        "{\"id\":1,\"a\":[1e2,1E5,1.10,-0,0.10000000000000000555,3.14159265358979323846]}\n");
    expect_kept("{\"id\":1,\"a\":[18446744073709551616,-9223372036854775809,1e999,-1e-999]}\n");
    expect_kept("{\"id\":1,\"\\u0061\\/\":\"\\u00e9\\/\\ud83c\\udf89\",\"\":{\"\\u0041\":1}}\n");
    expect_kept("{ \"id\" : 1 , \"a\" : [ 1 , 2 ]\t,\"samples\": [ {\"x\" : 1.0} , { } ] }\n");
    expect_kept("{\"id\":1,\"n\":[[\"]\"],{\"}\":\"\\\\\"},\"\\\"[\",[\"a\",[1]]]}\n");
    expect_written(" \t{\"id\":1 } \r\n", "{\"id\":1 }\n"); /* but for blanks around it */
    expect_written("{\"a\":1.10}\n", "{\"a\":1.10,\"id\":1}\n");
    expect_written("{ }\n", "{\"id\":1}\n");
}

/* A member of 200 bytes' name, and nesting of 2000 arrays. */
static void test_kept_large(void **state)
{
    (void)state;
    char line[8192];
    memset(line, 'k', sizeof line);
    memcpy(line, "{\"id\":1,\"", 9);
    size_t at = 200;
    at += (size_t)sprintf(line + at, "\":");
    memset(line + at, '[', 2000);
    memset(line + at + 2000, ']', 2000);
    memcpy(line + at + 4000, "}\n", 3);
    expect_kept(line);
}

/* Changes `samples` as programs do: some members set, some deleted, some new. */
static char *changed(const char *line)
{
    tw_records *records = open_text(line, &(tw_records_options){0});
    tw_record record;
    assert_int_equal(tw_records_next(records, &record), 1);
    for (size_t i = 0; i < json_array_size(record.samples); i++) {
        json_t *sample = json_array_get(record.samples, i);
        json_object_set_new(sample, "rank", json_integer(7));
        json_object_del(sample, "score");
    }
    json_object_del(record.json, "gone");
    json_object_set_new(record.json, "metrics", json_real(0.5));
    size_t length = 0;
    char *text = tw_record_text(&record, &length);
    assert_int_equal(strlen(text), length);
    tw_record_clear(&record);
    tw_records_close(records);
    return text;
}

static void expect_changed(const char *line, const char *expected)
{
    char *text = changed(line);
    assert_string_equal(text, expected);
    free(text);
}

/* Only what a program sets or deletes differs. */
static void test_changed(void **state)
{
    (void)state;
    expect_changed("{\"id\":2,\"x\":1.10,\"metrics\" : 1}\n",
                   "{\"id\":2,\"x\":1.10,\"metrics\" : 0.5}");
    expect_changed("{\"id\":2,\"gone\":1}\n", "{\"id\":2,\"metrics\":0.5}");
    expect_changed("{\"gone\":1,\"id\":2}\n", "{\"id\":2,\"metrics\":0.5}");
    expect_changed("{\"gone\":1}\n", "{\"id\":1,\"metrics\":0.5}");
    expect_changed(
        "{\"id\":2,\"samples\":[{\"score\":1},{\"score\":1,\"a\":1.0},{\"a\":-0,\"score\":1},"
        "{\"rank\":1 ,\"score\":1,\"a\":1e1},{}]}\n",
        "{\"id\":2,\"samples\":[{\"rank\":7},{\"a\":1.0,\"rank\":7},{\"a\":-0,\"rank\":7},"
        "{\"rank\":7 ,\"a\":1e1},{\"rank\":7}],\"metrics\":0.5}");
    /* A name is what its escapes stand for. */
    expect_changed(
        "{\"id\":2,\"\\u0067one\":0,\"s\\u0061mples\":[{\"r\\u0061nk\":1,\"\\u0073core\":2}]}\n",
        "{\"id\":2,\"s\\u0061mples\":[{\"r\\u0061nk\":7}],\"metrics\":0.5}");
}

/* An id of any length keeps its digits, and keys the random numbers. */
static void test_long_ids(void **state)
{
    (void)state;
    expect_kept("{\"id\":18446744073709551615}\n");
    expect_kept("{\"id\": 9223372036854775808 ,\"a\":1}\n");
    tw_records *records = open_text("{\"id\":9223372036854775807}\n{\"id\":18446744073709551615}\n"
                                    "{\"id\":18446744073709551616}\n",
                                    &(tw_records_options){0});
    const uint64_t keys[] = {INT64_MAX, tw_hash("18446744073709551615", 20),
                             tw_hash("18446744073709551616", 20)};
    for (int i = 0; i < 3; i++) {
        tw_record record;
        assert_int_equal(tw_records_next(records, &record), 1);
        assert_true(record.key == keys[i]);
        tw_record_clear(&record);
    }
    tw_records_close(records);
}

/* A byte order mark, blank lines, carriage returns and a last line without line feed: the
 * same records, with the numbers of their lines. */
static void test_harmless(void **state)
{
    (void)state;
    static const char text[] =
        "\xEF\xBB\xBF{\"a\":1}\r\n\n \t\r\n\xEF\xBB\xBF{\"a\":2}\n\xEF\xBB\xBF\n{\"a\":3}";
    char packed[300];
    const size_t size = ZSTD_compress(packed, sizeof packed, text, strlen(text), 1);
    scratch_text("plain", text);
    scratch_write("packed", packed, size);
    scratch_text("end", "\n\n{}\n\n");
    char *files[] = {"plain", "packed", "end", "plain"};
    static const uint64_t lines[] = {1, 4, 6, 1, 4, 6, 3, 1, 4, 6};
    static const uint64_t before[] = {0, 0, 0, 6, 6, 6, 12, 16, 16, 16};
    tw_records *records = tw_records_open(files, 4, &(tw_records_options){0});
    tw_record record;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(tw_records_next(records, &record), 1);
        assert_int_equal(record.line, lines[i]);
        assert_int_equal(record.key, before[i] + lines[i]);
        tw_record_clear(&record);
    }
    assert_int_equal(tw_records_next(records, &record), 0);
    tw_records_close(records);
}

/* A blank line behind a record is no record to wait for the rest of. */
static void test_blank_is_not_ready(void **state)
{
    (void)state;
    int ends[2];
    char path[32];
    assert_int_equal(pipe(ends), 0);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    assert_int_equal(write(ends[1], "{\"a\":1}\n \n\n", 11), 11);
    char *files[] = {path};
    tw_records *records = tw_records_open(files, 1, &(tw_records_options){0});
    tw_record record;
    assert_int_equal(tw_records_next(records, &record), 1);
    tw_record_clear(&record);
    assert_false(tw_records_ready(records));
    assert_int_equal(write(ends[1], "{}\n", 3), 3);
    assert_true(tw_records_ready(records));
    assert_int_equal(tw_records_next(records, &record), 1);
    assert_int_equal(record.line, 4);
    tw_record_clear(&record);
    tw_records_close(records);
    close(ends[0]);
    close(ends[1]);
}

static void test_borrowed(void **state)
{
    (void)state;
    tw_records *records = open_text(
        "{\"prompt\":\"p\",\"completion\":\"c\",\"samples\":[{\"text\":\"t\"}],\"id\":7}\n"
        "{\"id\":\"abc\"}\n{}\n",
        &(tw_records_options){0});
    tw_record record;
    assert_int_equal(tw_records_next(records, &record), 1);
    assert_string_equal(record.prompt, "p");
    assert_string_equal(record.completion, "c");
    assert_int_equal(json_array_size(record.samples), 1);
    assert_int_equal(record.key, 7);
    assert_int_equal(record.line, 1);
    assert_string_equal(record.file, "in");
    tw_record_clear(&record);
    assert_null(record.json);
    assert_int_equal(tw_records_next(records, &record), 1);
    assert_null(record.prompt);
    assert_null(record.samples);
    assert_true(record.key == tw_hash("abc", 3));
    assert_int_equal(tw_record_fail(&record, "no %s", "way"), -1);
    assert_string_equal(tw_error(), "in:2: no way");
    tw_record_clear(&record);
    assert_int_equal(tw_records_next(records, &record), 1);
    assert_int_equal(record.key, 3); /* the line number, which is stored */
    assert_int_equal(json_integer_value(json_object_get(record.json, "id")), 3);
    tw_record_clear(&record);
    assert_int_equal(tw_records_next(records, &record), 0);
    tw_records_close(records);
    tw_records_close(NULL);
}

static void test_renamed_fields(void **state)
{
    (void)state;
    tw_records *records =
        open_text("{\"document\":\"d\",\"summary\":\"s\",\"prompt\":1}\n",
                  &(tw_records_options){.prompt_field = "document",
                                        .completion_field = "summary",
                                        .need = TW_NEED_PROMPT | TW_NEED_COMPLETION});
    tw_record record;
    assert_int_equal(tw_records_next(records, &record), 1);
    assert_string_equal(record.prompt, "d");
    assert_string_equal(record.completion, "s");
    tw_record_clear(&record);
    tw_records_close(records);
}

/* Ids that default run on over files, as if these were one; messages do not. */
static void test_several_files(void **state)
{
    (void)state;
    scratch_text("a", "{}\n{\"id\":\"x\"}\n");
    scratch_text("b", "");
    scratch_text("c", "{}\n[]\n");
    char *files[] = {"a", "b", "c"};
    tw_records *records = tw_records_open(files, 3, &(tw_records_options){0});
    tw_record record[3], none;
    for (int i = 0; i < 3; i++)
        assert_int_equal(tw_records_next(records, &record[i]), 1);
    assert_int_equal(record[0].key, 1);
    assert_int_equal(record[2].key, 3);
    assert_int_equal(record[2].line, 1);
    assert_int_equal(tw_records_next(records, &none), -1);
    assert_string_equal(tw_error(), "c:2: expected a JSON object, got an array");
    assert_string_equal(record[2].file, "c");
    for (int i = 0; i < 3; i++)
        tw_record_clear(&record[i]);
    tw_records_close(records);
    char *absent[] = {"a", "absent"};
    assert_null(tw_records_open(absent, 2, &(tw_records_options){0}));
    assert_string_equal(tw_error(), "cannot open absent: No such file or directory");
}

static void refused(unsigned need, const char *line, const char *message)
{
    char text[600], expected[600];
    snprintf(text, sizeof text,
             "{\"prompt\":\"\",\"completion\":\"\",\"samples\":[{\"text\":\"\","
             "\"score\":1}]}\n%s\n",
             line);
    snprintf(expected, sizeof expected, "in:2: %s", message);
    tw_records *records = open_text(text, &(tw_records_options){.need = need});
    tw_record record;
    assert_int_equal(tw_records_next(records, &record), 1);
    tw_record_clear(&record);
    assert_int_equal(tw_records_next(records, &record), -1);
    assert_string_equal(tw_error(), expected);
    tw_records_close(records);
}

static void test_not_json(void **state)
{
    (void)state;
    refused(0, "[1]", "expected a JSON object, got an array");
    refused(0, "7", "expected a JSON object, got a number");
    refused(0, "{\"a\":1", "column 6: not JSON: '}' expected near end of file");
    refused(0, "{\"a\":1} x", "column 9: not JSON: end of file expected near 'x'");
    refused(0, "{\"a\":1,\"a\":2}", "column 10: not JSON: duplicate object key near '\"a\"'");
    refused(0, "{\"a\":\"\xff\"}", "column 6: not JSON: unable to decode byte 0xff near '\"'");
    refused(0, "{\"a\":\"\xc0\x80\"}", "column 6: not JSON: unable to decode byte 0xc0 near '\"'");
    refused(0, "{\"a\":\"\xed\xa0\x80\"}",
            "column 6: not JSON: unable to decode byte 0xed near '\"'");
    refused(0, "{\"a\":\"\\ud800\"}",
            "column 13: not JSON: invalid Unicode '\\uD800' near '\"\\ud800\"'");
    refused(0, "{\"a\":1,\"\\u0061\":2}",
            "column 15: not JSON: duplicate object key near '\"\\u0061\"'");
    refused(0, "{\"a\\u0000\":1}",
            "column 10: not JSON: NUL byte in object key not supported near '\"a\\u0000\"'");
    refused(0, "{\"a\":NaN}", "column 8: not JSON: invalid token near 'NaN'");
    refused(0, "{\"a\":01}", "column 6: not JSON: invalid token near '0'");
    refused(0, "\x1b[2J{}", "column 1: not JSON: invalid token near '?'");
    refused(0, "hello", "column 5: not JSON: invalid token near 'hello'");
}

static void test_wrong_types(void **state)
{
    (void)state;
    const unsigned need = TW_NEED_PROMPT | TW_NEED_COMPLETION;
    refused(need, "{\"completion\":\"\"}", "prompt: expected a string, got nothing");
    refused(need, "{\"prompt\":\"\"}", "completion: expected a string, got nothing");
    refused(0, "{\"prompt\":3}", "prompt: expected a string, got a number");
    refused(0, "{\"prompt\":null}", "prompt: expected a string, got null");
    refused(0, "{\"completion\":{}}", "completion: expected a string, got an object");
    refused(0, "{\"prompt\":\"a\\u0000b\"}", "prompt: expected a string without NUL, got a string");
    refused(0, "{\"id\":1.5}", "id: expected a string or a non-negative integer, got a number");
    refused(0, "{\"id\":true}", "id: expected a string or a non-negative integer, got a boolean");
    refused(0, "{\"id\":-9223372036854775809}",
            "id: expected a string or a non-negative integer, got a number");
    refused(0, "{\"id\":1e999}",
            "id: expected a string or a non-negative integer, got a number beyond any double");
    refused(0, "{\"id\":-4}", "id: expected a string or a non-negative integer, got -4");
}

static void test_wrong_samples(void **state)
{
    (void)state;
    const unsigned need = TW_NEED_SAMPLES, score = TW_NEED_SCORES;
    refused(need, "{}", "samples: expected an array, got nothing (run sample first)");
    refused(score, "{}", "samples: expected an array, got nothing (run sample first)");
    refused(need, "{\"samples\":[]}", "samples: expected at least one sample, got an empty array");
    refused(0, "{\"samples\":{}}", "samples: expected an array, got an object");
    refused(0, "{\"samples\":[{},7]}", "samples[1]: expected an object, got a number");
    refused(0, "{\"samples\":[{\"text\":\"\"},{},{\"text\":7}]}",
            "samples[2].text: expected a string, got a number");
    refused(need, "{\"samples\":[{}]}", "samples[0].text: expected a string, got nothing");
    refused(score, "{\"samples\":[{\"text\":\"\"}]}",
            "samples[0].score: expected a number, got nothing (run rank first)");
    refused(0, "{\"samples\":[{\"score\":\"1\"}]}",
            "samples[0].score: expected a number, got a string");
    refused(score, "{\"samples\":[{\"text\":\"\",\"score\":-1e999}]}",
            "samples[0].score: expected a number, got a number beyond any double");
    refused(0, "{\"samples\":[{\"rank\":18446744073709551615}]}",
            "samples[0].rank: expected an integer of at least 1, got a number");
    refused(0, "{\"samples\":[{\"logprob\":null}]}",
            "samples[0].logprob: expected a number, got null");
    refused(0, "{\"samples\":[{\"finish\":1}]}",
            "samples[0].finish: expected a string, got a number");
    refused(0, "{\"samples\":[{\"rank\":0}]}",
            "samples[0].rank: expected an integer of at least 1, got a number");
    refused(0, "{\"samples\":[{\"tokens\":\"1 2\"}]}",
            "samples[0].tokens: expected an array of token ids, got a string");
    refused(0, "{\"samples\":[{\"tokens\":[1,2.5]}]}",
            "samples[0].tokens[1]: expected a token id, got a number");
    refused(0, "{\"samples\":[{\"tokens\":[-1]}]}",
            "samples[0].tokens[0]: expected a token id from 0 to 2147483647, got -1");
    refused(0, "{\"samples\":[{\"tokens\":[2147483648]}]}",
            "samples[0].tokens[0]: expected a token id from 0 to 2147483647, got 2147483648");
}

static void test_max_errors(void **state)
{
    (void)state;
    tw_records *records =
        open_text("[]\n{\"a\":1}\n7\n{\"a\":2}\nx\n{}\n", &(tw_records_options){.max_errors = 3});
    tw_record record;
    scratch_redirect(2, "warnings");
    int first = tw_records_next(records, &record);
    uint64_t key = record.key;
    tw_record_clear(&record);
    int second = tw_records_next(records, &record);
    tw_record_fail(&record, "of no use");
    int rejected = tw_records_reject(records); /* the third */
    tw_record_clear(&record);
    int last = tw_records_next(records, &record);
    scratch_restore(2);
    assert_int_equal(first, 1);
    assert_int_equal(key, 2); /* skipped lines count */
    assert_int_equal(second, 1);
    assert_int_equal(rejected, 0);
    assert_int_equal(last, -1);
    assert_memory_equal(tw_error(), "in:5: column 1: not JSON", 24);
    assert_int_equal(tw_records_rejected(records), 3);
    tw_records_close(records);
    char *warnings = scratch_read("warnings", NULL);
    assert_non_null(strstr(warnings, "in:1: expected a JSON object, got an array (skipped)\n"));
    assert_non_null(strstr(warnings, "in:3: expected a JSON object, got a number (skipped)\n"));
    assert_non_null(strstr(warnings, "in:4: of no use (skipped)\n"));
    free(warnings);
}

/* A byte flipped inside a compressed record is told as damage of the file. */
static void test_damaged_file(void **state)
{
    (void)state;
    tw_writer *writer = tw_writer_open(&(tw_writer_options){.path = "whole"});
    for (int i = 0; i < 40; i++) {
        char line[100];
        int length = snprintf(line, sizeof line, "{\"id\":%d,\"prompt\":\"%d\"}", i, i * i);
        assert_int_equal(tw_writer_line(writer, line, (size_t)length), 0);
    }
    assert_int_equal(tw_writer_close(writer), 0);
    size_t size = 0;
    char *bytes = scratch_read("whole", &size);
    int noticed = 0;
    for (size_t at = 6; at < size; at++) {
        bytes[at] ^= 4;
        scratch_write("flipped", bytes, size);
        bytes[at] ^= 4;
        char *files[] = {"flipped"};
        tw_records *records = tw_records_open(files, 1, &(tw_records_options){0});
        tw_record record;
        int status = 0;
        while ((status = tw_records_next(records, &record)) > 0)
            tw_record_clear(&record);
        tw_records_close(records);
        noticed += status < 0;
        if (status < 0)
            assert_memory_equal(tw_error(), "flipped: byte ", 14);
    }
    assert_true(noticed > (int)size * 9 / 10);
    free(bytes);
}

static void test_provenance(void **state)
{
    (void)state;
    tw_set_program("sample");
    static const char *const models[] = {"12ab  /home/me/gpt2/", "34cd"};
    char *first = tw_provenance("--seed=7", models, 2, "");
    assert_string_equal(first,
                        "{\"program\":\"sample\",\"version\":\"" TW_VERSION
                        "\",\"options\":\"--seed=7\",\"models\":[{\"path\":\"gpt2\",\"xxh3_128\":"
                        "\"12ab\"},{\"xxh3_128\":\"34cd\"}]}");
    tw_writer *writer = tw_writer_open(&(tw_writer_options){.path = "in.zst", .provenance = first});
    assert_int_equal(tw_writer_line(writer, "{}", 2), 0);
    assert_int_equal(tw_writer_close(writer), 0);
    char *files[] = {"in.zst"};
    tw_records *records = tw_records_open(files, 1, &(tw_records_options){0});
    assert_string_equal(tw_records_provenance(records), first);
    tw_set_program("rank");
    char *second = tw_provenance("--by='a b'", NULL, 0, tw_records_provenance(records));
    json_t *json = json_loads(second, 0, NULL);
    assert_non_null(json);
    json_t *input = json_object_get(json, "input"), *expected = json_loads(first, 0, NULL);
    assert_true(json_equal(input, expected));
    assert_string_equal(json_string_value(json_object_get(json, "program")), "rank");
    json_decref(json);
    json_decref(expected);
    /* It stays known to the end of the stream. */
    tw_record record;
    assert_int_equal(tw_records_next(records, &record), 1);
    tw_record_clear(&record);
    assert_int_equal(tw_records_next(records, &record), 0);
    assert_string_equal(tw_records_provenance(records), first);
    tw_records_close(records);
    free(first);
    free(second);
}

/* Doubles of every magnitude read back as the same bits, through our writer and
 * through jansson's reader and ours. */
static void test_every_double(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 20000; i++) {
        uint64_t bits = tw_random(3, TW_RNG_SAMPLE, 0, 0, i);
        double value = 0;
        memcpy(&value, &bits, sizeof value);
        json_t *json = json_real(value); /* NULL for inf and nan */
        if (!json)
            continue;
        char *text = tw_json_text(json, NULL);
        json_t *theirs = json_loads(text, JSON_DECODE_ANY, NULL);
        json_t *ours = tw_json_parse(text, strlen(text), NULL);
        assert_true(json_is_real(theirs) && json_is_real(ours));
        assert_true(json_real_value(theirs) == value && json_real_value(ours) == value);
        json_decref(json);
        json_decref(theirs);
        json_decref(ours);
        free(text);
    }
}

static void test_depth(void **state)
{
    (void)state;
    char text[10000];
    for (int depth = 1; depth < 4000; depth += 37) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        text[2 * depth] = 0;
        json_error_t error;
        json_t *json = tw_json_parse(text, 2 * (size_t)depth, &error);
        assert_true(!!json == (depth <= 2048)); /* jansson's bound */
        if (!json)
            assert_string_equal(error.text, "maximum parsing depth reached near '['");
        char *back = json ? tw_json_text(json, NULL) : NULL;
        if (back)
            assert_string_equal(back, text);
        free(back);
        json_decref(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept),          cmocka_unit_test(test_kept_large),
        cmocka_unit_test(test_changed),       cmocka_unit_test(test_long_ids),
        cmocka_unit_test(test_harmless),      cmocka_unit_test(test_blank_is_not_ready),
        cmocka_unit_test(test_borrowed),      cmocka_unit_test(test_renamed_fields),
        cmocka_unit_test(test_several_files), cmocka_unit_test(test_not_json),
        cmocka_unit_test(test_wrong_types),   cmocka_unit_test(test_wrong_samples),
        cmocka_unit_test(test_max_errors),    cmocka_unit_test(test_damaged_file),
        cmocka_unit_test(test_provenance),    cmocka_unit_test(test_every_double),
        cmocka_unit_test(test_depth),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
