/* jansson reads 50 MB/s, a byte at a time; that would be most of the time of
 * `rank`. So text is read here, four times as fast, into jansson's values; what is
 * refused here is given to jansson, which says what is wrong with it. Numbers apart,
 * both accept the same: tests/fuzz/fuzz_record.c holds one against the other. */
#include "stream/parse.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/number.h"

enum { DEPTH_MAX = 2048 /* jansson's */, KEY_MAX = 127, SHORT_STRING = 1024 };

/* A null with an address of its own; jansson does not count references of such a value. */
static json_t beyond_double = {.type = JSON_NULL, .refcount = (size_t)-1};

bool tw_json_is_beyond(const json_t *json)
{
    return json == &beyond_double;
}

typedef struct cursor {
    const char *at, *end; /* *end is NUL, which no rule accepts: a sentinel */
    int depth;
} cursor;

static json_t *value(cursor *in);

static void blanks(cursor *in)
{
    while (*in->at == ' ' || *in->at == '\t' || *in->at == '\n' || *in->at == '\r')
        in->at++;
}

static bool take(cursor *in, char byte)
{
    if (*in->at != byte)
        return false;
    in->at++;
    return true;
}

/* Bytes that are text as they stand: printable ASCII but `"` and `\`. */
static const char *ascii_run(const char *at, const char *end)
{
    const uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        uint64_t quote = word ^ ones * '"', back = word ^ ones * '\\';
        /* The top bit of each byte that is below 0x20, zero, or not ASCII. */
        uint64_t stop = (word - ones * 0x20) | (quote - ones) | (back - ones) | word;
        if (stop & tops)
            break;
        at += 8;
    }
    while ((unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '"' && *at != '\\')
        at++;
    return at;
}

/* Length of the UTF-8 sequence at `at` (its lead is not ASCII), 0 if it is none. */
static int utf8_length(const unsigned char *at)
{
    int length = at[0] >= 0xF0 ? 4 : at[0] >= 0xE0 ? 3 : 2;
    if (at[0] < 0xC2 || at[0] > 0xF4)
        return 0;
    for (int i = 1; i < length; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    bool overlong = (at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xF0 && at[1] < 0x90);
    bool surrogate = at[0] == 0xED && at[1] >= 0xA0;
    bool beyond = at[0] == 0xF4 && at[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : length;
}

/* Behind the run of bytes that stand for themselves; NULL on bad UTF-8. */
static const char *literal_run(const char *at, const char *end)
{
    for (;;) {
        at = ascii_run(at, end);
        if ((unsigned char)*at < 0x80)
            return at;
        int length = utf8_length((const unsigned char *)at);
        if (length == 0)
            return NULL;
        at += length;
    }
}

/* Four hexadecimal digits, or -1. */
static long hex4(const char *at)
{
    long code = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        code = code << 4 | digit;
    }
    return code;
}

static char *put_utf8(char *to, long code)
{
    if (code < 0x80) {
        *to++ = (char)code;
        return to;
    }
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned char leads[] = {0, 0xC0, 0xE0, 0xF0};
    *to++ = (char)(leads[more] | code >> 6 * more);
    while (more-- > 0)
        *to++ = (char)(0x80 | (code >> 6 * more & 0x3F));
    return to;
}

/* The escape at *from, behind its backslash. Returns the end of what it puts at
 * `to`; NULL when it is none. */
static char *unescape(const char **from, char *to)
{
    static const char named[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    char c = *(*from)++;
    const char *name = c ? strchr(named, c) : NULL;
    if (name) {
        *to++ = bytes[name - named];
        return to;
    }
    long code = c == 'u' ? hex4(*from) : -1;
    if (code < 0)
        return NULL;
    *from += 4;
    if (code >= 0xD800 && code < 0xE000) {
        long low = code < 0xDC00 && (*from)[0] == '\\' && (*from)[1] == 'u' ? hex4(*from + 2) : -1;
        if (low < 0xDC00 || low >= 0xE000)
            return NULL;
        *from += 6;
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    return put_utf8(to, code);
}

/* A string with escapes from `start` on; its first escape is at `at`. */
static json_t *escaped_string(cursor *in, const char *start, const char *at)
{
    /* An escape is never shorter than what it stands for, so the rest of the
     * text would do; the closing quote is nearer. */
    const char *close = at;
    while (*close && *close != '"')
        close += *close == '\\' && close[1] ? 2 : 1;
    char small[SHORT_STRING];
    size_t most = (size_t)(close - start) + 1;
    char *bytes = most <= sizeof small ? small : tw_realloc(NULL, most, 1);
    char *to = bytes;
    json_t *string = NULL;
    for (const char *run = start; at; run = at, at = literal_run(at, in->end)) {
        memcpy(to, run, (size_t)(at - run));
        to += at - run;
        if (*at == '"') {
            in->at = at + 1;
            string = json_stringn_nocheck(bytes, (size_t)(to - bytes));
            break;
        }
        if (*at++ != '\\' || !(to = unescape(&at, to)))
            break;
    }
    if (bytes != small)
        free(bytes);
    return string;
}

static json_t *string(cursor *in)
{
    const char *start = ++in->at;
    const char *stop = literal_run(start, in->end);
    if (!stop)
        return NULL;
    if (*stop != '"')
        return *stop == '\\' ? escaped_string(in, start, stop) : NULL;
    in->at = stop + 1;
    return json_stringn_nocheck(start, (size_t)(stop - start));
}

static const char *digits(const char *at)
{
    while (*at >= '0' && *at <= '9')
        at++;
    return at;
}

/* The fraction and exponent behind an integer part; NULL when malformed. */
static const char *fraction(const char *at)
{
    if (*at == '.') {
        const char *first = ++at;
        if ((at = digits(first)) == first)
            return NULL;
    }
    if (*at == 'e' || *at == 'E') {
        at++;
        at += *at == '+' || *at == '-';
        const char *first = at;
        if ((at = digits(first)) == first)
            return NULL;
    }
    return at;
}

/* The integer of the digits [first, stop); NULL when it does not fit. */
static json_t *integer(const char *first, const char *stop, bool negative)
{
    json_int_t value = 0;
    bool fits = true;
    /* Negative numbers reach further than positive ones. */
    for (const char *at = first; at < stop && fits; at++)
        fits = !__builtin_mul_overflow(value, 10, &value) &&
               !__builtin_sub_overflow(value, *at - '0', &value);
    if (fits && (negative || value != INT64_MIN))
        return json_integer(negative ? value : -value);
    return NULL;
}

/* A number that has too many digits or too large an exponent for the plain way. */
static json_t *unusual_number(const char *from, const char *stop)
{
    double real = 0;
    if (tw_scan_real(from, stop, &real) == stop)
        return json_real(real);
    /* Below the smallest double jansson says zero, beyond the largest it fails. */
    json_t *json = json_loadb(from, (size_t)(stop - from), JSON_DECODE_ANY, NULL);
    return json ? json : &beyond_double;
}

static json_t *number(cursor *in)
{
    const char *from = in->at, *first = from + (*from == '-');
    const char *stop = digits(first);
    if (stop == first || (*first == '0' && stop - first > 1))
        return NULL;
    json_t *json = NULL;
    if (*stop != '.' && *stop != 'e' && *stop != 'E') {
        json = integer(first, stop, *from == '-');
    } else if ((stop = fraction(stop))) {
        double real = 0;
        json = tw_scan_real(from, stop, &real) == stop ? json_real(real) : NULL;
    } else {
        return NULL;
    }
    in->at = stop;
    return json ? json : unusual_number(from, stop);
}

static json_t *word(cursor *in, const char *expected, size_t length, json_t *constant)
{
    if (strncmp(in->at, expected, length) != 0)
        return NULL;
    in->at += length;
    return constant;
}

/* `: value` into the object, behind its key. */
static bool keyed_value(cursor *in, json_t *object, const char *key)
{
    blanks(in);
    if (!take(in, ':') || json_object_get(object, key))
        return false;
    json_t *json = value(in);
    return json && json_object_set_new_nocheck(object, key, json) == 0;
}

/* A member whose key is long or has escapes. */
static bool unusual_member(cursor *in, json_t *object)
{
    json_t *key = string(in);
    const char *text = json_string_value(key);
    const bool done =
        key && strlen(text) == json_string_length(key) && keyed_value(in, object, text);
    json_decref(key);
    return done;
}

/* One `"key": value` pair into the object. */
static bool member(cursor *in, json_t *object)
{
    blanks(in);
    if (*in->at != '"')
        return false;
    const char *start = in->at + 1, *stop = literal_run(start, in->end);
    if (!stop || *stop != '"' || stop - start > KEY_MAX)
        return unusual_member(in, object);
    char key[KEY_MAX + 1];
    size_t length = (size_t)(stop - start);
    memcpy(key, start, length);
    key[length] = 0;
    in->at = stop + 1;
    return keyed_value(in, object, key);
}

static json_t *object(cursor *in)
{
    json_t *object = json_object();
    in->at++;
    blanks(in);
    if (take(in, '}'))
        return object;
    while (member(in, object)) {
        blanks(in);
        if (take(in, '}'))
            return object;
        if (!take(in, ','))
            break;
    }
    json_decref(object);
    return NULL;
}

static json_t *array(cursor *in)
{
    json_t *array = json_array();
    in->at++;
    blanks(in);
    if (take(in, ']'))
        return array;
    for (json_t *json; (json = value(in));) {
        if (json_array_append_new(array, json) < 0)
            break;
        blanks(in);
        if (take(in, ']'))
            return array;
        if (!take(in, ','))
            break;
    }
    json_decref(array);
    return NULL;
}

static json_t *value(cursor *in)
{
    blanks(in);
    json_t *json = NULL;
    if (++in->depth > DEPTH_MAX)
        return NULL;
    switch (*in->at) {
    case '{':
        json = object(in);
        break;
    case '[':
        json = array(in);
        break;
    case '"':
        json = string(in);
        break;
    case 't':
        json = word(in, "true", 4, json_true());
        break;
    case 'f':
        json = word(in, "false", 5, json_false());
        break;
    case 'n':
        json = word(in, "null", 4, json_null());
        break;
    default:
        json = number(in);
    }
    in->depth--;
    return json;
}

json_t *tw_json_parse(const char *text, size_t length, json_error_t *error)
{
    cursor in = {text, text + length, 0};
    json_t *json = value(&in);
    if (json) {
        blanks(&in);
        if (in.at == in.end)
            return json;
        json_decref(json);
    }
    return json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL,
                      error);
}
