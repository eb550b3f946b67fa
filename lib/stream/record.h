#ifndef TW_STREAM_RECORD_H
#define TW_STREAM_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "stream/origin.h"
#include "stream/stream.h"

/* Records: one JSON object a line (DESIGN.md, "Streams"). What a program does not change
 * is written back as it came, to the byte and in order (origin.h): fields that it does not
 * know, digits of numbers, escapes and blanks. Two members of one name are refused. */

enum {
    TW_NEED_PROMPT = 1,
    TW_NEED_COMPLETION = 2,
    TW_NEED_SAMPLES = 4, /* a non-empty array of objects, each with a string `text` */
    TW_NEED_SCORES = 8   /* every sample has a finite number `score` */
};

typedef struct tw_records_options {
    const char *prompt_field;     /* NULL: "prompt" */
    const char *completion_field; /* NULL: "completion" */
    unsigned need;                /* TW_NEED_*; present fields are checked in any case */
    int64_t max_errors;           /* bad records skipped (each warned of) before failing */
} tw_records_options;

typedef struct tw_record {
    json_t *json;           /* the object; owned by the record */
    const char *prompt;     /* borrowed from json; NULL if absent */
    const char *completion; /* likewise */
    json_t *samples;        /* borrowed; NULL if absent */
    uint64_t key;           /* of `id`: an integer is itself, a string its tw_hash, and so
                               is an integer beyond 63 bits, which json has as a string of
                               its digits; without `id` the line number, which is also stored */
    tw_origin *origin;      /* as it was read; owned by the record */
    uint64_t line;
    size_t bytes;     /* of its line: what a program that holds records may count */
    const char *file; /* borrowed from the tw_records, valid until its close */
} tw_record;

typedef struct tw_records tw_records;

/* Reads files one after another (count 0: standard input). Line numbers that
 * default as `id` run on over the files; those in messages are of the file. */
tw_records *tw_records_open(char *const *files, int count, const tw_records_options *options);

/* Returns 1 and a record, 0 at the end, -1 on failure. Checks: valid UTF-8, a
 * JSON object (duplicate keys refused), types of the known fields, in them finite
 * numbers. Lines are those of tw_reader_line: blank ones count as lines only. A message has the
 * form `file:line: field: expected ..., got ...`. */
int tw_records_next(tw_records *records, tw_record *record);

/* Whether tw_records_next would give a record, or fail, without waiting for input; of a file that
 * follows it is not known whether it waits. Else a program does what it can with the records it
 * has. */
bool tw_records_ready(tw_records *records);

/* Frees what a record holds; the struct may be reused. */
void tw_record_clear(tw_record *record);

/* Fails as tw_records_next does, with the place of the record in front:
 * `file:line: ...`. Returns -1. */
int tw_record_fail(const tw_record *record, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* For a record that a program itself finds bad: warns and returns 0 while
 * max_errors allows (the record is to be skipped), -1 after. */
int tw_records_reject(tw_records *records);

uint64_t tw_records_rejected(const tw_records *records);
/* Provenance of the first file, "" if none. */
const char *tw_records_provenance(tw_records *records);
void tw_records_close(tw_records *records); /* accepts NULL */

/* The line to write of a record, without line feed: what is unchanged in json as it came, new
 * values compact (reals keep every bit). NULL on failure. The caller frees. */
char *tw_record_text(const tw_record *record, size_t *length);

/* Writes that line. */
int tw_record_write(tw_writer *writer, const tw_record *record);

/* The provenance of an output: {"program","version","options","models":[{"path" base name,
 * "xxh3_128"}...],"input": chained}. options from tw_canonical_options; a model's digest is
 * "DIGEST  PATH" (tw_model_digest_line). The caller frees. */
char *tw_provenance(const char *options, const char *const *model_digests, int models,
                    const char *input_provenance);

#endif
