#include "stream/origin.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "stream/json.h"
#include "stream/members.h"

enum { NEW_BYTES = 512 }; /* room for new values, more or less */

struct tw_origin {
    json_t *samples; /* as read; NULL: none */
    char *text;      /* [length], NUL-terminated; behind the values */
    size_t length, count, top;
    json_t *values[]; /* [count]: the record's `top` members, then those of each sample */
};

static size_t count_members(const json_t *json, const json_t *samples)
{
    size_t count = json_object_size(json);
    for (size_t i = 0; i < json_array_size(samples); i++)
        count += json_object_size(json_array_get(samples, i));
    return count;
}

/* jansson's iterators take a non-const object, and do not change it. */
static json_t **hold(json_t **to, const json_t *json)
{
    json_t *object = (json_t *)json;
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at))
        *to++ = json_incref(json_object_iter_value(at));
    return to;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

tw_origin *tw_origin_new(const char *text, size_t length, const json_t *json, json_t *samples)
{
    while (is_blank(*text))
        text++, length--;
    while (is_blank(text[length - 1]))
        length--;
    const size_t count = count_members(json, samples);
    tw_origin *origin =
        tw_realloc(NULL, sizeof *origin + count * sizeof *origin->values + length + 1, 1);
    *origin = (tw_origin){.samples = json_incref(samples),
                          .text = (char *)(origin->values + count),
                          .length = length,
                          .count = count,
                          .top = json_object_size(json)};
    memcpy(origin->text, text, length);
    origin->text[length] = 0;
    json_t **to = hold(origin->values, json);
    for (size_t i = 0; i < json_array_size(samples); i++)
        to = hold(to, json_array_get(samples, i));
    return origin;
}

void tw_origin_free(tw_origin *origin)
{
    if (!origin)
        return;
    for (size_t i = 0; i < origin->count; i++)
        json_decref(origin->values[i]);
    json_decref(origin->samples);
    free(origin);
}

/* Text on its way: what comes before `from` is copied or left out. */
typedef struct splice {
    tw_json_buffer to;
    const char *from;
    const tw_origin *origin;
    json_t *const *top, *const *of_samples; /* values read, of the members still to come */
} splice;

static void copy_to(splice *splice, const char *stop)
{
    tw_json_put_bytes(&splice->to, splice->from, (size_t)(stop - splice->from));
    splice->from = stop;
}

/* Leaves a member out, and one of the commas beside it. */
static void drop(splice *splice, const tw_member *member, size_t kept)
{
    copy_to(splice, member->start);
    splice->from = member->end;
    if (*member->end == ',')
        splice->from++;
    else if (kept > 0)
        splice->to.used--; /* the comma in front */
}

static int put_samples(splice *splice, const tw_member *member);

/* A member that the object still has. */
static int keep(splice *splice, const tw_member *member, const json_t *now, const json_t *before)
{
    if (now == before)
        return now == splice->origin->samples ? put_samples(splice, member) : 0;
    copy_to(splice, member->value);
    splice->from = member->stop;
    return tw_json_put(&splice->to, now);
}

/* The members from *at on, which the text lacks. */
static int put_new(splice *splice, json_t *object, void *at, size_t kept)
{
    for (; at; at = json_object_iter_next(object, at)) {
        const char *key = json_object_iter_key(at);
        if (kept++ > 0)
            tw_json_put_bytes(&splice->to, ",", 1);
        tw_json_put_string(&splice->to, key, strlen(key));
        tw_json_put_bytes(&splice->to, ":", 1);
        if (tw_json_put(&splice->to, json_object_iter_value(at)) < 0)
            return -1;
    }
    return 0;
}

/* The object whose text is at `text`; *before are the values of its members there. */
static int put_object(splice *splice, const char *text, json_t *object, json_t *const **before)
{
    void *at = json_object_iter(object);
    tw_member member;
    size_t kept = 0;
    bool more = tw_member_first(text, &member);
    for (; more; more = tw_member_next(&member)) {
        const json_t *value = *(*before)++;
        if (!at || !tw_member_is(&member, json_object_iter_key(at))) {
            drop(splice, &member, kept);
            continue;
        }
        if (keep(splice, &member, json_object_iter_value(at), value) < 0)
            return -1;
        at = json_object_iter_next(object, at);
        kept++;
    }
    if (kept == 0 && at) { /* not `{ "new":1}` out of `{ }` */
        if (splice->from <= text)
            copy_to(splice, text + 1);
        splice->from = member.end;
    }
    copy_to(splice, member.end);
    return put_new(splice, object, at, kept);
}

static int put_samples(splice *splice, const tw_member *member)
{
    tw_member element;
    bool more = tw_member_first(member->value, &element);
    for (size_t i = 0; more; more = tw_member_next(&element), i++)
        if (put_object(splice, element.value, json_array_get(splice->origin->samples, i),
                       &splice->of_samples) < 0)
            return -1;
    return 0;
}

char *tw_origin_text(const tw_origin *origin, const json_t *json, size_t *length)
{
    const size_t room = origin->length + NEW_BYTES;
    splice splice = {.to = {tw_realloc(NULL, room, 1), 0, room},
                     .from = origin->text,
                     .origin = origin,
                     .top = origin->values,
                     .of_samples = origin->values + origin->top};
    /* jansson's iterators take a non-const object, and do not change it. */
    if (put_object(&splice, origin->text, (json_t *)json, &splice.top) < 0) {
        free(splice.to.bytes);
        return NULL;
    }
    copy_to(&splice, origin->text + origin->length);
    *length = splice.to.used;
    tw_json_put_bytes(&splice.to, "", 1);
    return splice.to.bytes;
}

const char *tw_origin_find(const char *text, const char *key, size_t *length)
{
    tw_member member;
    for (bool more = tw_member_first(text, &member); more; more = tw_member_next(&member))
        if (tw_member_is(&member, key)) {
            *length = (size_t)(member.stop - member.value);
            return member.value;
        }
    return NULL;
}
