#include "stream/members.h"

#include <jansson.h>
#include <string.h>

#include "stream/parse.h"

static const char *skip_blanks(const char *at)
{
    while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')
        at++;
    return at;
}

/* Behind the string whose opening quote is at `at`. */
static const char *skip_string(const char *at)
{
    for (at++;; at++) {
        at = rawmemchr(at, '"');
        size_t escapes = 0;
        while (at[-1 - (ptrdiff_t)escapes] == '\\')
            escapes++;
        if (escapes % 2 == 0)
            return at + 1;
    }
}

/* Behind the array at `at` when it holds plain numbers and words alone, as lists of tokens
 * do; else NULL. */
static const char *skip_flat(const char *at)
{
    const char *close = rawmemchr(at, ']');
    const size_t length = (size_t)(close - at) - 1;
    static const char marks[] = "\"[{";
    for (int i = 0; marks[i]; i++)
        if (memchr(at + 1, marks[i], length))
            return NULL;
    return close + 1;
}

/* Behind the object or array that begins at `at`. */
static const char *skip_nested(const char *at)
{
    static const unsigned char is_mark[256] = {
        ['"'] = 1, ['{'] = 1, ['['] = 1, ['}'] = 1, [']'] = 1};
    const char *flat = *at == '[' ? skip_flat(at) : NULL;
    if (flat)
        return flat;
    for (size_t depth = 0;;) {
        while (!is_mark[(unsigned char)*at])
            at++;
        if (*at == '"') {
            at = skip_string(at);
            continue;
        }
        depth += *at == '{' || *at == '[' ? 1 : (size_t)-1;
        at++;
        if (depth == 0)
            return at;
    }
}

static const char *skip_value(const char *at)
{
    if (*at == '"')
        return skip_string(at);
    return *at == '{' || *at == '[' ? skip_nested(at) : at + strcspn(at, ",]} \t\n\r");
}

/* Reads the member at member->start. */
static void read_member(tw_member *member, bool keyed)
{
    const char *at = skip_blanks(member->start);
    if (keyed) {
        member->key = at + 1;
        at = skip_string(at);
        member->key_stop = at - 1;
        at = skip_blanks(skip_blanks(at) + 1);
    }
    member->value = at;
    member->stop = skip_value(at);
    member->end = skip_blanks(member->stop);
}

bool tw_member_first(const char *text, tw_member *member)
{
    const char *at = skip_blanks(text + 1);
    *member = (tw_member){.start = text + 1, .end = at};
    if (*at == '}' || *at == ']')
        return false;
    read_member(member, *text == '{');
    return true;
}

bool tw_member_next(tw_member *member)
{
    if (*member->end != ',')
        return false;
    member->start = member->end + 1;
    read_member(member, member->key != NULL);
    return true;
}

bool tw_member_is(const tw_member *member, const char *key)
{
    const size_t length = (size_t)(member->key_stop - member->key);
    if (!memchr(member->key, '\\', length))
        return strncmp(member->key, key, length) == 0 && key[length] == 0;
    /* An escape in a key is rare: let the reader of JSON say what it stands for. */
    json_t *read = json_loadb(member->key - 1, length + 2, JSON_DECODE_ANY, NULL);
    const bool same = read && strcmp(json_string_value(read), key) == 0;
    json_decref(read);
    return same;
}
