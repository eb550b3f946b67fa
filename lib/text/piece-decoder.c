#include "text/piece-decoder.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "text/byte-alphabet.h"
#include "text/field.h"
#include "text/pattern.h"
#include "text/utf8.h"

enum { STEPS = 16, REPLACEMENT = 3 };
#define REPLACEMENT_CHARACTER "\xEF\xBF\xBD"

/* The pieces as they become text, end to end. */
typedef struct parts {
    tw_bytes text;
    size_t *ends; /* [count] of each part in text */
    size_t count;
} parts;

typedef struct step step;
typedef void apply_step(const step *s, const parts *from, parts *to);

struct step {
    apply_step *apply;
    char *find, *put;    /* owned */
    tw_pattern *pattern; /* owned */
    size_t start, stop;
    bool prefix;
};

struct tw_piece_decoder {
    step steps[STEPS];
    size_t count;
    bool none;
};

static const char *part_of(const parts *all, size_t i, size_t *length)
{
    size_t begin = i > 0 ? all->ends[i - 1] : 0;
    *length = all->ends[i] - begin;
    return *length > 0 ? all->text.data + begin : "";
}

static void close_part(parts *to)
{
    to->ends[to->count++] = to->text.length;
}

static void byte_level(const step *s, const parts *from, parts *to)
{
    (void)s;
    tw_bytes bytes = {0};
    for (size_t i = 0; i < from->count; i++) {
        size_t length;
        const char *text = part_of(from, i, &length);
        char *piece = tw_format("%.*s", (int)length, text);
        if (!tw_byte_alphabet_read(piece, &bytes))
            tw_bytes_put(&bytes, piece, length);
        free(piece);
    }
    size_t clean;
    char *text = tw_utf8_repair(bytes.data, bytes.length, &clean);
    tw_bytes_put(&to->text, text, clean);
    close_part(to);
    free(text);
    free(bytes.data);
}

static void fuse(const step *s, const parts *from, parts *to)
{
    (void)s;
    tw_bytes_put(&to->text, from->text.data, from->text.length);
    close_part(to);
}

typedef struct replacing {
    const char *put;
    tw_bytes *to;
} replacing;

static int put_part(void *context, const char *part, size_t length, int matched)
{
    const replacing *r = context;
    tw_bytes_put(r->to, matched ? r->put : part, matched ? strlen(r->put) : length);
    return 0;
}

static void replace(const step *s, const parts *from, parts *to)
{
    replacing r = {s->put, &to->text};
    for (size_t k = 0; k < from->count; k++) {
        size_t length, before = to->text.length;
        const char *text = part_of(from, k, &length);
        if (tw_pattern_split(s->pattern, text, length, put_part, &r) < 0) {
            /* A pattern that takes too long changes nothing. */
            to->text.length = before;
            tw_bytes_put(&to->text, text, length);
        }
        close_part(to);
    }
}

static int hex(char digit)
{
    static const char digits[] = "0123456789ABCDEFabcdef";
    const char *at = digit ? strchr(digits, digit) : NULL;
    return !at ? -1 : at - digits < 16 ? (int)(at - digits) : (int)(at - digits) - 6;
}

/* The byte of `<0xNN>`, -1 of any other piece. */
static int fallback_byte(const char *piece, size_t length)
{
    if (length != 6 || memcmp(piece, "<0x", 3) != 0 || piece[5] != '>')
        return -1;
    int high = hex(piece[3]), low = hex(piece[4]);
    return high < 0 || low < 0 ? -1 : 16 * high + low;
}

/* Bytes in a row are text together, or each is U+FFFD. */
static void put_bytes(tw_bytes *bytes, parts *to)
{
    if (bytes->length == 0)
        return;
    if (tw_utf8_valid(bytes->data, bytes->length))
        tw_bytes_put(&to->text, bytes->data, bytes->length);
    else
        for (size_t i = 0; i < bytes->length; i++)
            tw_bytes_put(&to->text, REPLACEMENT_CHARACTER, REPLACEMENT);
    close_part(to);
    bytes->length = 0;
}

static void byte_fallback(const step *s, const parts *from, parts *to)
{
    (void)s;
    tw_bytes bytes = {0};
    for (size_t i = 0; i < from->count; i++) {
        size_t length;
        const char *piece = part_of(from, i, &length);
        int byte = fallback_byte(piece, length);
        if (byte >= 0) {
            tw_bytes_put(&bytes, &(char){(char)byte}, 1);
            continue;
        }
        put_bytes(&bytes, to);
        tw_bytes_put(&to->text, piece, length);
        close_part(to);
    }
    put_bytes(&bytes, to);
    free(bytes.data);
}

/* Takes up to start characters `find` from the front of each part, up to stop from its end. */
static void strip(const step *s, const parts *from, parts *to)
{
    size_t size = strlen(s->find);
    for (size_t i = 0; i < from->count; i++) {
        size_t length;
        const char *text = part_of(from, i, &length);
        for (size_t k = 0; k < s->start && length >= size && !memcmp(text, s->find, size); k++) {
            text += size;
            length -= size;
        }
        for (size_t k = 0;
             k < s->stop && length >= size && !memcmp(text + length - size, s->find, size); k++)
            length -= size;
        tw_bytes_put(&to->text, text, length);
        close_part(to);
    }
}

/* The mark of a blank becomes one, but for those of the first piece. */
static void metaspace(const step *s, const parts *from, parts *to)
{
    size_t size = strlen(s->find);
    for (size_t k = 0; k < from->count; k++) {
        size_t length, i = 0, blank = k > 0 || !s->prefix;
        const char *text = part_of(from, k, &length);
        for (const char *at; (at = memmem(text + i, length - i, s->find, size));) {
            tw_bytes_put(&to->text, text + i, (size_t)(at - text) - i);
            tw_bytes_put(&to->text, " ", blank);
            i = (size_t)(at - text) + size;
        }
        tw_bytes_put(&to->text, text + i, length - i);
        close_part(to);
    }
}

static int read_replace(step *made, const json_t *json)
{
    const char *put = NULL;
    if (tw_field_text(json, "content", "", &put) < 0)
        return -1;
    tw_pattern *pattern = tw_pattern_read(json_object_get(json, "pattern"));
    if (!pattern)
        return tw_fail_in("pattern");
    *made = (step){.apply = replace, .pattern = pattern, .put = tw_strdup(put)};
    return 0;
}

static int read_strip(step *made, const json_t *json)
{
    const char *content = NULL;
    json_int_t start = json_integer_value(json_object_get(json, "start"));
    json_int_t stop = json_integer_value(json_object_get(json, "stop"));
    if (tw_field_text(json, "content", " ", &content) < 0)
        return -1;
    if (!*content || start < 0 || stop < 0)
        return tw_fail("content: expected one character, start and stop numbers of them");
    *made = (step){
        .apply = strip, .find = tw_strdup(content), .start = (size_t)start, .stop = (size_t)stop};
    return 0;
}

static int read_metaspace(step *made, const json_t *json)
{
    const char *mark = NULL, *scheme = NULL;
    bool prefix;
    if (tw_field_text(json, "replacement", "\u2581", &mark) < 0 ||
        tw_field_bool(json, "add_prefix_space", true, &prefix) < 0 ||
        tw_field_text(json, "prepend_scheme", prefix ? "always" : "never", &scheme) < 0)
        return -1;
    if (!*mark)
        return tw_fail("replacement: expected one character");
    *made =
        (step){.apply = metaspace, .find = tw_strdup(mark), .prefix = strcmp(scheme, "never") != 0};
    return 0;
}

static int add(tw_piece_decoder *decoder, const json_t *json)
{
    if (decoder->count == STEPS)
        return tw_fail("more than %d steps are not supported", STEPS);
    step *made = &decoder->steps[decoder->count++];
    if (tw_field_is(json, "Replace"))
        return read_replace(made, json);
    if (tw_field_is(json, "Strip"))
        return read_strip(made, json);
    if (tw_field_is(json, "Metaspace"))
        return read_metaspace(made, json);
    if (tw_field_is(json, "ByteLevel"))
        made->apply = byte_level;
    else if (tw_field_is(json, "ByteFallback"))
        made->apply = byte_fallback;
    else if (tw_field_is(json, "Fuse"))
        made->apply = fuse;
    return made->apply ? 0 : tw_fail("type: '%s' is not supported", tw_field_type(json));
}

static int add_all(tw_piece_decoder *decoder, const json_t *json)
{
    const json_t *list = json_object_get(json, "decoders"), *part;
    size_t i;
    decoder->none = !json || json_is_null(json);
    if (decoder->none)
        return 0;
    if (!tw_field_is(json, "Sequence"))
        return add(decoder, json);
    if (!json_is_array(list))
        return tw_fail("decoders: expected a list");
    json_array_foreach(list, i, part)
    {
        if (add(decoder, part) < 0)
            return tw_fail_in("decoders[%zu]", i);
    }
    return 0;
}

tw_piece_decoder *tw_piece_decoder_new(const json_t *json)
{
    tw_piece_decoder *decoder = tw_alloc(1, sizeof *decoder);
    if (add_all(decoder, json) == 0)
        return decoder;
    tw_piece_decoder_free(decoder);
    return NULL;
}

void tw_piece_decoder_free(tw_piece_decoder *decoder)
{
    if (!decoder)
        return;
    for (size_t i = 0; i < decoder->count; i++) {
        free(decoder->steps[i].find);
        free(decoder->steps[i].put);
        tw_pattern_free(decoder->steps[i].pattern);
    }
    free(decoder);
}

static parts parts_for(size_t count)
{
    return (parts){{0}, tw_alloc(count + 1, sizeof(size_t)), 0};
}

static void free_parts(parts *gone)
{
    free(gone->text.data);
    free(gone->ends);
}

void tw_piece_decode(const tw_piece_decoder *decoder, const char *const *pieces, size_t count,
                     tw_bytes *to)
{
    parts now = parts_for(count);
    for (size_t i = 0; i < count; i++) {
        if (decoder->none && i > 0)
            tw_bytes_put(&now.text, " ", 1);
        tw_bytes_put(&now.text, pieces[i], strlen(pieces[i]));
        close_part(&now);
    }
    for (size_t i = 0; i < decoder->count; i++) {
        parts next = parts_for(now.count);
        decoder->steps[i].apply(&decoder->steps[i], &now, &next);
        free_parts(&now);
        now = next;
    }
    tw_bytes_put(to, now.text.data, now.text.length);
    free_parts(&now);
}
