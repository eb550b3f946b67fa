/* records protect NAME < TEXT: what jq is to convert, an object a line: `at`, its
 * place for messages; `strange`, whether a NaN or Infinity is in it; `record`, with its
 * numbers marked. In place of what is no record a string, "!PLACE: what is wrong". Lines are
 * those of the programs; of an array each element is a record. Text that ends in DAMAGED was
 * cut by who unpacked it, who has said why. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "records.h"
#include "stream/parse.h"
#include "stream/source.h"

static const char DAMAGED[] = "\0damaged";

enum { CHUNK = 256 << 10, DEPTH_MAX = 250 /* jq 1.6 reads 256 */ };

typedef struct input {
    const char *name;
    tw_source *source;
    char *text; /* [capacity]; not yet taken: [at, end) */
    size_t capacity, at, end;
    uint64_t number; /* of the line, or of the element */
    bool array;
} input;

/* More text behind `end`: 1, 0 at the end, -1. */
static int more(input *in)
{
    if (in->at > 0)
        memmove(in->text, in->text + in->at, in->end - in->at);
    in->end -= in->at;
    in->at = 0;
    if (in->end > TW_LINE_MAX)
        return tw_fail("%s: %s %" PRIu64 " is longer than 64 MiB", in->name,
                       in->array ? "record" : "line", in->number + 1);
    if (in->capacity - in->end <= CHUNK) {
        in->capacity = 2 * in->capacity + 2 * CHUNK;
        in->text = tw_realloc(in->text, in->capacity, 1);
    }
    const ssize_t count =
        tw_source_read(in->source, in->text + in->end, in->capacity - in->end - 1);
    in->end += count > 0 ? (size_t)count : 0;
    return count < 0 ? -1 : count > 0;
}

static size_t depth_of(const char *text, size_t length)
{
    size_t depth = 0, most = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"')
            for (i++; i < length && text[i] != '"'; i++)
                i += text[i] == '\\';
        else if (text[i] == '{' || text[i] == '[')
            most = ++depth > most ? depth : most;
        else if (text[i] == '}' || text[i] == ']')
            depth--;
    }
    return most;
}

/* Fails when text is not a JSON object; marked is the same text, numbers marked. */
static int check(const char *text, size_t length, const tw_json_buffer *marked, bool strange)
{
    json_error_t error;
    json_t *json = strange ? tw_json_parse(marked->bytes, marked->used, &error)
                           : tw_json_parse(text, length, &error);
    const bool object = json_is_object(json);
    if (!json) {
        json_t *string = json_stringn(text, length);
        json_decref(string);
        return string ? tw_fail("not JSON: column %d: %s", error.column, error.text)
                      : tw_fail("not UTF-8");
    }
    if (!object)
        tw_fail("expected a JSON object, got %s", tw_json_kind(json));
    json_decref(json);
    if (object && depth_of(text, length) > DEPTH_MAX)
        return tw_fail("nested deeper than %d", DEPTH_MAX);
    return object ? 0 : -1;
}

/* One record, or what is wrong with it, to jq. text has a NUL behind it. */
static int give(const input *in, const char *text, size_t length)
{
    tw_json_buffer line = {0}, marked = {0};
    bool strange = false;
    mark_numbers(&marked, text, length, &strange);
    tw_json_put_bytes(&marked, "", 1);
    marked.used--;
    const bool good = check(text, length, &marked, strange) == 0;
    char *place =
        tw_format(in->array ? "%s: record %" PRIu64 : "%s:%" PRIu64, in->name, in->number);
    char *what = good ? tw_strdup(place) : tw_format("!%s: %s", place, tw_error());
    tw_json_put_bytes(&line, "{\"at\":", good ? 6 : 0);
    json_t *string = json_string(what);
    tw_json_put(&line, string ? string : json_null());
    json_decref(string);
    if (good) {
        static const char flag[] = ",\"strange\":true";
        tw_json_put_bytes(&line, flag, strange ? sizeof flag - 1 : 0);
        tw_json_put_bytes(&line, ",\"record\":", 10);
        tw_json_put_bytes(&line, marked.bytes, marked.used);
        tw_json_put_bytes(&line, "}", 1);
    }
    tw_json_put_bytes(&line, "\n", 1);
    const size_t written = fwrite(line.bytes, 1, line.used, stdout);
    const int status = written == line.used ? 0 : -1;
    free(line.bytes);
    free(marked.bytes);
    free(place);
    free(what);
    return status;
}

/* Gives [at, stop) unless it is a blank line, and goes on at `next`. */
static int take(input *in, size_t stop, size_t next)
{
    char *text = in->text + in->at;
    size_t length = stop - in->at;
    if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        text += 3, length -= 3;
    text[length] = 0;
    in->at = next;
    in->number++;
    if (!in->array && tw_line_is_blank(text, length))
        return 0;
    return give(in, text, length);
}

static bool is_damaged(const input *in)
{
    return in->end - in->at >= sizeof DAMAGED - 1 &&
           memcmp(in->text + in->end - (sizeof DAMAGED - 1), DAMAGED, sizeof DAMAGED - 1) == 0;
}

/* A failure that was told before. */
static int fail_quietly(void)
{
    tw_fail("%s", "");
    return -1;
}

static int lines(input *in)
{
    int status = 1;
    size_t seen = 0;
    while (status > 0) {
        const char *from = in->text + in->at + seen;
        const char *feed = memchr(from, '\n', in->end - in->at - seen);
        if (feed) {
            const size_t stop = (size_t)(feed - in->text);
            seen = 0;
            status = take(in, stop, stop + 1) < 0 ? -1 : 1;
        } else {
            seen = in->end - in->at;
            status = more(in);
        }
    }
    if (status < 0 || in->at == in->end)
        return status;
    return is_damaged(in) ? fail_quietly() : take(in, in->end, in->end);
}

/* Where an element of an array ends: at `at` of its bytes, as far as they are known. */
typedef struct scan {
    size_t at, depth;
    bool in_string, escaped;
} scan;

/* Goes on over [at + scan->at, end): 1 at the `,` or `]` behind the element, 0 if that is to come.
 */
static int find_end(const input *in, scan *scan)
{
    for (; in->at + scan->at < in->end; scan->at++) {
        const char c = in->text[in->at + scan->at];
        if (scan->in_string) {
            scan->in_string = scan->escaped || c != '"';
            scan->escaped = !scan->escaped && c == '\\';
        } else if (c == '"') {
            scan->in_string = true;
        } else if (scan->depth == 0 && (c == ',' || c == ']')) {
            return 1;
        } else if (c == '{' || c == '[') {
            scan->depth++;
        } else if (c == '}' || c == ']') {
            scan->depth -= scan->depth > 0;
        }
    }
    return 0;
}

/* Passes over blanks: 1 at something else, 0 at the end, -1. */
static int skip_blanks(input *in)
{
    for (;;) {
        while (in->at < in->end && isspace((unsigned char)in->text[in->at]))
            in->at++;
        if (in->at < in->end)
            return 1;
        const int status = more(in);
        if (status <= 0)
            return status;
    }
}

/* The element at `at`, to the `,` or `]` behind it, which is stored. */
static int element(input *in, char *behind)
{
    scan scan = {0};
    while (!find_end(in, &scan)) {
        const int status = more(in);
        if (status == 0 && is_damaged(in))
            return fail_quietly();
        if (status <= 0)
            return status < 0 ? -1
                              : tw_fail("%s: record %" PRIu64 ": the array ends inside of it",
                                        in->name, in->number + 1);
    }
    *behind = in->text[in->at + scan.at];
    return take(in, in->at + scan.at, in->at + scan.at + 1);
}

/* The array whose `[` is at `at`. */
static int elements(input *in)
{
    char behind = ',';
    in->at++;
    int status = skip_blanks(in);
    if (status > 0 && in->text[in->at] == ']') {
        in->at++;
        behind = ']';
    }
    while (behind == ',' && skip_blanks(in) >= 0)
        if (element(in, &behind) < 0)
            return -1;
    status = skip_blanks(in);
    if (status > 0 && is_damaged(in))
        return fail_quietly();
    return status > 0 ? tw_fail("%s: there is text behind the array (%" PRIu64 " records were "
                                "read): expected one array, or JSON lines",
                                in->name, in->number)
                      : status;
}

/* The first byte of text, its place in *at; 0: there is none, -1. */
static int first_byte(input *in, size_t *at)
{
    for (*at = in->at;;) {
        if (in->end - *at >= 3 && memcmp(in->text + *at, "\xEF\xBB\xBF", 3) == 0)
            *at += 3;
        while (*at < in->end && isspace((unsigned char)in->text[*at]))
            ++*at;
        const size_t passed = *at - in->at;
        const int status = in->end - *at >= 4 ? 1 : more(in);
        *at = in->at + passed;
        if (status < 0)
            return -1;
        if (in->end - *at >= 4 || status == 0)
            return *at < in->end ? (unsigned char)in->text[*at] : 0;
    }
}

static bool ends_in(const char *name, const char *end)
{
    const size_t length = strlen(name), tail = strlen(end);
    return length > tail && strcasecmp(name + length - tail, end) == 0;
}

/* Tables are common, and no JSON: says how to make it of them. */
static int refuse_table(const input *in, const char *text)
{
    const bool tabs = ends_in(in->name, ".tsv");
    if (strncmp(text, "PAR1", 4) == 0)
        return tw_fail("%s: it is a Parquet table; expected JSON lines: try duckdb -c \"copy (from "
                       "'FILE') to 'FILE.jsonl'\"",
                       in->name);
    if (*text != '{' && *text != '[' && (tabs || ends_in(in->name, ".csv")))
        return tw_fail("%s: it is a table; expected JSON lines: try mlr --i%csv --ojsonl cat FILE",
                       in->name, tabs ? 't' : 'c');
    return 0;
}

static int protect(input *in)
{
    size_t at = 0;
    const int first = first_byte(in, &at);
    if (first <= 0)
        return first;
    if (refuse_table(in, in->text + at) < 0)
        return -1;
    if (first != '[')
        return lines(in);
    in->array = true;
    in->at = at;
    return elements(in);
}

int protect_main(int argc, char **argv)
{
    tw_set_program("import");
    if (argc != 2)
        return TW_EXIT_USAGE;
    input in = {.name = argv[1], .source = tw_source_open(NULL)};
    int status = in.source ? more(&in) : -1;
    if (status >= 0)
        status = protect(&in);
    if (status < 0 && *tw_error())
        tw_warn("%s", tw_error());
    if (fflush(stdout) != 0 || ferror(stdout))
        status = -1;
    tw_source_close(in.source);
    free(in.text);
    return status < 0 ? TW_EXIT_DATA : TW_EXIT_OK;
}
