#include "text/added-tokens.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "core/error.h"
#include "core/memory.h"
#include "text/blank.h"
#include "text/field.h"
#include "text/utf8.h"

static const char *sought(const tw_added_token *token)
{
    return token->normal ? token->normal : token->content;
}

static int normalize(tw_added_token *token, const tw_normalizer *normalizer)
{
    token->length = strlen(token->content);
    if (!token->normalized)
        return 0;
    tw_normalized normal;
    int status = tw_normalize(normalizer, token->content, token->length, &normal);
    if (status == 0 && normal.text != token->content) {
        token->normal = tw_format("%.*s", (int)normal.length, normal.text);
        token->length = normal.length;
    }
    free(normal.made.data);
    return status < 0 ? tw_fail_in("content") : 0;
}

static int read_flags(tw_added_token *token, const json_t *json)
{
    if (tw_field_bool(json, "single_word", false, &token->single_word) < 0 ||
        tw_field_bool(json, "special", false, &token->special) < 0 ||
        tw_field_bool(json, "lstrip", false, &token->strip_left) < 0 ||
        tw_field_bool(json, "rstrip", false, &token->strip_right) < 0 ||
        tw_field_bool(json, "normalized", !token->special, &token->normalized) < 0)
        return -1;
    token->plain = !token->special;
    return 0;
}

/* A token that the vocabulary has keeps its id there. */
static int enter(const tw_added_token *token, bool byte_level, size_t expected,
                 tw_vocabulary *vocabulary)
{
    size_t id = (size_t)token->id;
    const char *known = id < vocabulary->size ? vocabulary->pieces[id].text : NULL;
    if (known && strcmp(known, token->content) == 0)
        return 0;
    if (tw_vocabulary_find_piece(vocabulary, token->content, byte_level) >= 0)
        return tw_fail("id: '%s' has another id in the vocabulary", token->content);
    return tw_vocabulary_add(vocabulary, token->id, token->content, byte_level, expected) < 0
               ? tw_fail_in("id")
               : 0;
}

static int read_token(tw_added_token *token, size_t rank, const json_t *json,
                      const tw_normalizer *normalizer, bool byte_level, size_t expected,
                      tw_vocabulary *vocabulary)
{
    const char *content = json_string_value(json_object_get(json, "content"));
    const json_t *id = json_object_get(json, "id");
    if (!content || !*content)
        return tw_fail("content: expected text");
    if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= INT32_MAX)
        return tw_fail("id: expected an id");
    token->content = tw_strdup(content);
    token->id = (int32_t)json_integer_value(id);
    token->rank = rank;
    if (read_flags(token, json) < 0 || enter(token, byte_level, expected, vocabulary) < 0)
        return -1;
    vocabulary->pieces[token->id].special = token->special;
    return normalize(token, normalizer);
}

static int compare(const void *left, const void *right)
{
    const tw_added_token *a = left, *b = right;
    unsigned char first_a = (unsigned char)*sought(a), first_b = (unsigned char)*sought(b);
    if (first_a != first_b)
        return first_a < first_b ? -1 : 1;
    if (a->length != b->length)
        return a->length > b->length ? -1 : 1;
    if (a->plain != b->plain)
        return a->plain ? 1 : -1;
    return a->rank < b->rank ? -1 : a->rank > b->rank;
}

static void order(tw_added_tokens *added)
{
    if (added->count > 0)
        qsort(added->all, added->count, sizeof *added->all, compare);
    size_t i = 0;
    for (int byte = 0; byte <= 256; byte++) {
        while (i < added->count && (unsigned char)*sought(&added->all[i]) < byte)
            i++;
        added->first[byte] = i;
    }
}

static size_t count_pieces(const tw_vocabulary *vocabulary)
{
    size_t count = 0;
    for (size_t i = 0; i < vocabulary->size; i++)
        count += vocabulary->pieces[i].text != NULL;
    return count;
}

int tw_added_tokens_read(tw_added_tokens *added, const json_t *list,
                         const tw_normalizer *normalizer, bool byte_level,
                         tw_vocabulary *vocabulary)
{
    const json_t *json;
    size_t i, count = json_array_size(list), expected = vocabulary->size + count;
    if (list && !json_is_null(list) && !json_is_array(list))
        return tw_fail("expected a list");
    added->pieces = count_pieces(vocabulary);
    added->all = tw_alloc(count, sizeof *added->all);
    json_array_foreach(list, i, json)
    {
        if (read_token(&added->all[added->count++], i, json, normalizer, byte_level, expected,
                       vocabulary) < 0)
            return tw_fail_in("[%zu]", i);
    }
    order(added);
    return 0;
}

/* The tokens while more are added. */
typedef struct extension {
    tw_added_tokens *added;
    json_t *places; /* content: places in added->all */
    size_t next;    /* id */
    const tw_normalizer *normalizer;
    bool byte_level;
    tw_vocabulary *vocabulary;
} extension;

static void note(extension *e, size_t place)
{
    const tw_added_token *token = &e->added->all[place];
    json_t *places = json_object_get(e->places, token->content);
    if (!places) {
        places = json_array();
        json_object_set_new(e->places, token->content, places);
    }
    json_array_append_new(places, json_integer((json_int_t)place));
    if ((size_t)token->id >= e->next)
        e->next = (size_t)token->id + 1;
}

static int push(extension *e, const tw_added_token *flags, const char *content, int32_t id)
{
    tw_added_tokens *added = e->added;
    added->all = tw_realloc(added->all, added->count + 1, sizeof *added->all);
    tw_added_token *token = &added->all[added->count];
    *token = *flags;
    token->content = tw_strdup(content);
    token->id = id;
    token->rank = added->count++;
    note(e, token->rank);
    return normalize(token, e->normalizer);
}

/* The id of a token, which gets one if it has none; -1 with a message. */
static int32_t id_of(extension *e, const char *content)
{
    const json_t *place = json_array_get(json_object_get(e->places, content), 0);
    if (place)
        return e->added->all[json_integer_value(place)].id;
    int32_t id = tw_vocabulary_find_piece(e->vocabulary, content, e->byte_level);
    if (id >= 0)
        return id;
    id = e->next < INT32_MAX ? (int32_t)e->next : -1;
    return tw_vocabulary_add(e->vocabulary, id, content, e->byte_level, e->next + 1) < 0 ? -1 : id;
}

static int extend(extension *e, const json_t *json)
{
    const char *content = json_string_value(json_object_get(json, "content"));
    const json_t *told = json_object_get(json, "id"), *place;
    const size_t before = e->vocabulary->size;
    const int32_t id = id_of(e, content);
    tw_added_token flags = {0};
    if (id < 0 || read_flags(&flags, json) < 0)
        return -1;
    if (told && json_integer_value(told) != id)
        return tw_fail("'%s' has id %d%s", content, (int)id,
                       e->vocabulary->size > before ? ", which is the next" : "");
    tw_piece *piece = &e->vocabulary->pieces[id];
    bool sought = false;
    size_t i;
    json_array_foreach(json_object_get(e->places, content), i, place)
    {
        tw_added_token *token = &e->added->all[json_integer_value(place)];
        token->single_word = flags.single_word;
        token->strip_left = flags.strip_left;
        token->strip_right = flags.strip_right;
        token->special = token->special || flags.special;
        if (piece->special || token->normalized == flags.normalized) {
            sought = true;
            token->plain = token->plain && (piece->special || !flags.special);
        }
    }
    piece->special = piece->special || flags.special;
    return sought ? 0 : push(e, &flags, content, id);
}

int tw_added_tokens_extend(tw_added_tokens *added, const json_t *more,
                           const tw_normalizer *normalizer, bool byte_level,
                           tw_vocabulary *vocabulary)
{
    extension e = {added, json_object(), added->pieces, normalizer, byte_level, vocabulary};
    const json_t *json;
    size_t i;
    int status = 0;
    for (i = 0; i < added->count; i++)
        note(&e, i);
    json_array_foreach(more, i, json)
    {
        if (status == 0 && (status = extend(&e, json)) < 0)
            tw_fail_in("%s", json_string_value(json_object_get(json, "where")));
    }
    json_decref(e.places);
    order(added);
    return status;
}

void tw_added_tokens_clear(tw_added_tokens *added)
{
    for (size_t i = 0; i < added->count; i++) {
        free(added->all[i].content);
        free(added->all[i].normal);
    }
    free(added->all);
    *added = (tw_added_tokens){0};
}

static const tw_added_token *token_at(const tw_added_tokens *added, bool normalized,
                                      const char *text, size_t length)
{
    size_t byte = (unsigned char)*text;
    for (size_t i = added->first[byte]; i < added->first[byte + 1]; i++) {
        const tw_added_token *token = &added->all[i];
        if (token->normalized == normalized && token->length > 0 && token->length <= length &&
            memcmp(text, sought(token), token->length) == 0)
            return token;
    }
    return NULL;
}

/* Whether the character at text[length] is one of words: a letter, mark, digit, or what joins
 * words (\w of Rust's `regex`). */
static bool in_word(const char *text, size_t length)
{
    utf8proc_int32_t c;
    if (utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)length, &c) <= 0)
        return false;
    const utf8proc_category_t category = utf8proc_category(c);
    if (c == 0x200C || c == 0x200D || (c >= 0x24B6 && c <= 0x24E9) ||
        (c >= 0x1F130 && c <= 0x1F149) || (c >= 0x1F150 && c <= 0x1F169) ||
        (c >= 0x1F170 && c <= 0x1F189))
        return true;
    return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NL) ||
           category == UTF8PROC_CATEGORY_PC;
}

/* Whether text[start .. end) of text[length] stands alone. */
static bool alone(const char *text, size_t start, size_t end, size_t length)
{
    size_t last = start;
    while (last > 0 && start - last < 4 && (last == start || (text[last] & 0xC0) == 0x80))
        last--;
    return (start == 0 || !in_word(text + last, start - last)) &&
           (end == length || !in_word(text + end, length - end));
}

int tw_added_tokens_split(const tw_added_tokens *added, bool normalized, const char *text,
                          size_t length, tw_added_part *part, void *context)
{
    size_t done = 0;
    for (size_t i = 0; i < length;) {
        const tw_added_token *token = token_at(added, normalized, text + i, length - i);
        if (!token) {
            i++;
            continue;
        }
        if ((added->split && token->special) ||
            (token->single_word && !alone(text, i, i + token->length, length))) {
            i += token->length;
            continue;
        }
        size_t start = token->strip_left ? tw_blanks_before(text, done, i) : i;
        size_t end = i + token->length;
        if (token->strip_right)
            end = tw_blanks_behind(text, end, length);
        if (start > done && part(context, NULL, text + done, start - done) < 0)
            return -1;
        if (part(context, token, text + start, end - start) < 0)
            return -1;
        done = i = end;
    }
    return done < length ? part(context, NULL, text + done, length - done) : 0;
}
