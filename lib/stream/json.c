#include "stream/json.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/number.h"
#include "stream/parse.h"

enum { DEPTH_MAX = 2048 /* JSON_PARSER_MAX_DEPTH of jansson */, FIRST_BYTES = 4096 };

/* Where the next `count` bytes go; they count as used. */
static char *extend(tw_json_buffer *to, size_t count)
{
    if (to->capacity - to->used < count) {
        size_t needed = to->used + count < FIRST_BYTES ? FIRST_BYTES : to->used + count;
        to->capacity = needed > to->capacity * 2 ? needed : to->capacity * 2;
        to->bytes = tw_realloc(to->bytes, to->capacity, 1);
    }
    to->used += count;
    return to->bytes + to->used - count;
}

static void put(tw_json_buffer *to, char byte)
{
    *extend(to, 1) = byte;
}

void tw_json_put_bytes(tw_json_buffer *to, const char *bytes, size_t count)
{
    if (count > 0) /* an empty buffer has no bytes to copy nothing to */
        memcpy(extend(to, count), bytes, count);
}

/* A control character, quote or backslash inside a string. */
static void put_escaped(tw_json_buffer *to, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";
    static const char named[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
    const char *name = byte ? strchr(named, byte) : NULL;
    if (name) {
        put(to, '\\');
        put(to, names[name - named]);
    } else {
        char code[] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
        tw_json_put_bytes(to, code, sizeof code);
    }
}

static bool is_literal(unsigned char byte)
{
    return byte >= 0x20 && byte != '"' && byte != '\\';
}

void tw_json_put_string(tw_json_buffer *to, const char *string, size_t length)
{
    put(to, '"');
    for (size_t at = 0; at < length;) {
        size_t stop = at;
        while (stop < length && is_literal((unsigned char)string[stop]))
            stop++;
        tw_json_put_bytes(to, string + at, stop - at);
        if (stop < length)
            put_escaped(to, (unsigned char)string[stop++]);
        at = stop;
    }
    put(to, '"');
}

static void put_integer(tw_json_buffer *to, json_int_t value)
{
    char digits[24], *at = digits + sizeof digits;
    /* Negative numbers reach further than positive ones. */
    json_int_t rest = value < 0 ? value : -value;
    do
        *--at = (char)('0' - rest % 10);
    while ((rest /= 10) != 0);
    if (value < 0)
        *--at = '-';
    tw_json_put_bytes(to, at, (size_t)(digits + sizeof digits - at));
}

static void put_real(tw_json_buffer *to, double value)
{
    char number[TW_NUMBER_SIZE];
    int length = tw_number_text(value, number);
    tw_json_put_bytes(to, number, (size_t)length);
    if (!memchr(number, '.', (size_t)length) && !memchr(number, 'e', (size_t)length))
        tw_json_put_bytes(to, ".0", 2); /* it stays a real */
}

static int put_value(tw_json_buffer *to, const json_t *json, int depth);

static int put_object(tw_json_buffer *to, const json_t *json, int depth)
{
    /* jansson's iterators take a non-const object, and do not change it. */
    json_t *object = (json_t *)json;
    put(to, '{');
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        const char *key = json_object_iter_key(at); /* jansson allows no NUL in it */
        tw_json_put_string(to, key, strlen(key));
        put(to, ':');
        if (put_value(to, json_object_iter_value(at), depth) < 0)
            return -1;
        put(to, ',');
    }
    if (to->bytes[to->used - 1] == ',')
        to->used--;
    put(to, '}');
    return 0;
}

static int put_array(tw_json_buffer *to, const json_t *json, int depth)
{
    size_t count = json_array_size(json);
    put(to, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            put(to, ',');
        if (put_value(to, json_array_get(json, i), depth) < 0)
            return -1;
    }
    put(to, ']');
    return 0;
}

static int put_value(tw_json_buffer *to, const json_t *json, int depth)
{
    if (depth > DEPTH_MAX)
        return tw_fail("JSON nested deeper than %d", DEPTH_MAX);
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return put_object(to, json, depth + 1);
    case JSON_ARRAY:
        return put_array(to, json, depth + 1);
    case JSON_STRING:
        tw_json_put_string(to, json_string_value(json), json_string_length(json));
        break;
    case JSON_INTEGER:
        put_integer(to, json_integer_value(json));
        break;
    case JSON_REAL:
        put_real(to, json_real_value(json));
        break;
    case JSON_TRUE:
        tw_json_put_bytes(to, "true", 4);
        break;
    case JSON_FALSE:
        tw_json_put_bytes(to, "false", 5);
        break;
    case JSON_NULL:
        tw_json_put_bytes(to, "null", 4);
        break;
    }
    return 0;
}

int tw_json_put(tw_json_buffer *to, const json_t *json)
{
    return put_value(to, json, 0);
}

char *tw_json_text(const json_t *json, size_t *length)
{
    tw_json_buffer to = {0};
    if (put_value(&to, json, 0) < 0) {
        free(to.bytes);
        return NULL;
    }
    if (length)
        *length = to.used;
    put(&to, 0);
    return to.bytes;
}

const char *tw_json_kind(const json_t *json)
{
    if (!json)
        return "nothing";
    if (tw_json_is_beyond(json))
        return "a number beyond any double";
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        break;
    }
    return "null";
}
