#include "stream/record.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/memory.h"
#include "stream/check.h"
#include "stream/json.h"
#include "stream/parse.h"

enum { MESSAGE_SIZE = 2048 };

struct tw_records {
    tw_records_options options;
    char **files; /* [count]; NULL stands for standard input */
    int count, at;
    tw_reader *reader; /* of files[at], NULL when it is yet to be opened */
    uint64_t lines;    /* of the files before */
    uint64_t rejected;
    char *provenance;
};

/* Refuses before the work starts what could only be refused hours later. */
static int check_file(const char *path)
{
    struct stat status;
    if (!path || strcmp(path, "-") == 0)
        return 0;
    if (stat(path, &status) < 0 || access(path, R_OK) < 0)
        return tw_fail("cannot open %s: %m", path);
    return 0;
}

tw_records *tw_records_open(char *const *files, int count, const tw_records_options *options)
{
    tw_records *records = tw_alloc(1, sizeof *records);
    records->options = *options;
    records->count = count > 0 ? count : 1;
    records->files = tw_alloc((size_t)records->count, sizeof *records->files);
    for (int i = 0; i < count; i++) {
        records->files[i] = tw_strdup(files[i]);
        if (check_file(files[i]) < 0)
            goto failed;
    }
    records->reader = tw_reader_open(records->files[0]);
    if (!records->reader)
        goto failed;
    return records;
failed:
    tw_records_close(records);
    return NULL;
}

void tw_records_close(tw_records *records)
{
    if (!records)
        return;
    tw_reader_close(records->reader);
    for (int i = 0; i < records->count; i++)
        free(records->files[i]);
    free(records->files);
    free(records->provenance);
    free(records);
}

/* The next line of all files that is not blank: 1, 0 at the end of the last, -1. */
static int next_line(tw_records *records, char **line, size_t *length)
{
    while (records->at < records->count) {
        if (!records->reader)
            records->reader = tw_reader_open(records->files[records->at]);
        if (!records->reader)
            return -1;
        int status = tw_reader_line(records->reader, line, length);
        if (status > 0 && tw_line_is_blank(*line, *length))
            continue;
        if (status != 0)
            return status;
        records->lines += tw_reader_line_number(records->reader);
        tw_records_provenance(records); /* keeps that of the first */
        tw_reader_close(records->reader);
        records->reader = NULL;
        records->at++;
    }
    return 0;
}

/* jansson quotes the input near an error: no control characters on terminals. */
static void make_printable(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

static int parse(tw_record *record, const char *line, size_t length)
{
    json_error_t error;
    record->json = tw_json_parse(line, length, &error);
    if (record->json)
        return 0;
    make_printable(error.text);
    return tw_fail("column %d: not JSON: %s", error.column, error.text);
}

/* An id of more digits than an integer takes would lose some of them. */
static void keep_long_id(json_t *json, const char *text)
{
    const json_t *id = json_object_get(json, "id");
    if (!json_is_real(id) && !tw_json_is_beyond(id))
        return;
    size_t length = 0;
    const char *digits = tw_origin_find(text, "id", &length);
    if (digits && strspn(digits, "0123456789") == length)
        json_object_set_new(json, "id", json_stringn(digits, length));
}

static void keep_origin(tw_record *record, const char *line, size_t length)
{
    json_t *samples = json_object_get(record->json, "samples");
    keep_long_id(record->json, line + strspn(line, " \t\r"));
    record->origin =
        tw_origin_new(line, length, record->json, json_is_array(samples) ? samples : NULL);
}

/* As tw_reader_name says it, but living as long as the records. */
static const char *file_name(const tw_records *records)
{
    const char *path = records->files[records->at];
    return path && strcmp(path, "-") != 0 ? path : "<stdin>";
}

static int load(tw_records *records, tw_record *record, const char *line, size_t length)
{
    *record = (tw_record){.file = file_name(records),
                          .line = tw_reader_line_number(records->reader),
                          .bytes = length};
    record->key = records->lines + record->line;
    if (parse(record, line, length) == 0) {
        if (json_is_object(record->json))
            keep_origin(record, line, length);
        if (tw_record_check(record, &records->options) == 0)
            return 0;
    }
    tw_fail_in("%s:%llu", record->file, (unsigned long long)record->line);
    tw_record_clear(record);
    return -1;
}

int tw_records_next(tw_records *records, tw_record *record)
{
    for (;;) {
        char *line = NULL;
        size_t length = 0;
        int status = next_line(records, &line, &length);
        if (status <= 0)
            return status;
        if (load(records, record, line, length) == 0)
            return 1;
        if (tw_records_reject(records) < 0)
            return -1;
    }
}

bool tw_records_ready(tw_records *records)
{
    while (records->reader) {
        if (!tw_reader_ready(records->reader))
            return false;
        if (!tw_reader_pass_blank(records->reader))
            break;
    }
    return true;
}

void tw_record_clear(tw_record *record)
{
    json_decref(record->json);
    tw_origin_free(record->origin);
    *record = (tw_record){0};
}

int tw_record_fail(const tw_record *record, const char *format, ...)
{
    char text[MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return tw_fail("%s:%llu: %s", record->file, (unsigned long long)record->line, text);
}

int tw_records_reject(tw_records *records)
{
    if (records->rejected >= (uint64_t)records->options.max_errors) {
        /* Is it the file that is bad, rather than what was written to it? */
        if (records->reader)
            tw_reader_verify(records->reader);
        return -1;
    }
    records->rejected++;
    tw_warn("%s (skipped)", tw_error());
    return 0;
}

uint64_t tw_records_rejected(const tw_records *records)
{
    return records->rejected;
}

const char *tw_records_provenance(tw_records *records)
{
    if (!records->provenance && records->at == 0 && records->reader)
        records->provenance = tw_strdup(tw_reader_provenance(records->reader));
    return records->provenance ? records->provenance : "";
}

char *tw_record_text(const tw_record *record, size_t *length)
{
    return tw_origin_text(record->origin, record->json, length);
}

int tw_record_write(tw_writer *writer, const tw_record *record)
{
    size_t length = 0;
    char *text = tw_record_text(record, &length);
    if (!text)
        return -1;
    int result = tw_writer_line(writer, text, length);
    free(text);
    return result;
}
