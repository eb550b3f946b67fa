#include "text/config-tokens.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "text/field.h"
#include "text/token-roles.h"

static const char additional[] = "additional_special_tokens";
static const char config_name[] = "tokenizer_config.json";
static const char map_name[] = "special_tokens_map.json";

/* What the files say, by content where that is an object. */
typedef struct listing {
    const json_t *config, *map, *added, *decoder; /* NULL: there is none */
    json_t *own;                                  /* tokens of tokenizer.json */
    json_t *named;   /* those and others that are named with their ids */
    json_t *special; /* whether it is a role, not one of the list */
    json_t *roles;   /* {"token", "where", "role", "special"}, in transformers' order */
    json_t *tokens;  /* the result */
} listing;

/* Content and flags of a token, new. NULL with a message. */
static json_t *flags_of(const json_t *token, bool special, const char *where)
{
    const char *content = tw_token_content(token);
    bool word, left, right, own, normalized;
    if (!content || !*content) {
        tw_fail("%s: expected a token", where);
        return NULL;
    }
    if (tw_field_bool(token, "single_word", false, &word) < 0 ||
        tw_field_bool(token, "lstrip", false, &left) < 0 ||
        tw_field_bool(token, "rstrip", false, &right) < 0 ||
        tw_field_bool(token, "special", false, &own) < 0 ||
        tw_field_bool(token, "normalized", !(own || special), &normalized) < 0) {
        tw_fail_in("%s", where);
        return NULL;
    }
    return json_pack("{s:s, s:b, s:b, s:b, s:b, s:b}", "content", content, "single_word", word,
                     "lstrip", left, "rstrip", right, "normalized", normalized, "special",
                     own || special);
}

/* Takes flags; id < 0: the file tells none. */
static void put(listing *l, json_t *flags, const char *where, long long id)
{
    json_object_set_new(flags, "where", json_string(where));
    if (id >= 0)
        json_object_set_new(flags, "id", json_integer(id));
    json_array_append_new(l->tokens, flags);
}

static void read_own(listing *l, const json_t *tokenizer)
{
    const json_t *token;
    size_t i;
    json_array_foreach(json_object_get(tokenizer, "added_tokens"), i, token)
    {
        const char *content = tw_token_content(token);
        if (json_is_object(token) && content)
            json_object_set(l->own, content, (json_t *)token);
    }
}

static int add_role(listing *l, const json_t *token, const char *file, const char *role)
{
    const char *content = tw_token_content(token);
    if (json_is_null(token) || (content && !*content))
        return 0;
    if (!content)
        return tw_fail("%s: %s: expected a token", file, role);
    if (json_is_true(json_object_get(l->special, content)))
        return 0;
    const bool single = strcmp(role, additional) != 0;
    char *where = tw_format("%s: %s", file, role);
    json_object_set_new(l->special, content, json_boolean(single));
    json_array_append_new(l->roles,
                          json_pack("{s:O, s:s, s:b, s:b}", "token", (json_t *)token, "where",
                                    where, "role", single, "special", strcmp(file, map_name) == 0));
    free(where);
    return 0;
}

static int add_list(listing *l, const json_t *from, const char *file)
{
    const json_t *list = json_object_get(from, additional), *token;
    size_t i;
    if (list && !json_is_null(list) && !json_is_array(list))
        return tw_fail("%s: %s: expected a list", file, additional);
    json_array_foreach(list, i, token)
    {
        if (add_role(l, token, file, additional) < 0)
            return -1;
    }
    return 0;
}

static int read_roles(listing *l)
{
    static const int order[TW_ROLES] = {TW_BOS, TW_EOS, TW_UNKNOWN, TW_SEP,
                                        TW_PAD, TW_CLS, TW_MASK};
    for (size_t i = 0; i < TW_ROLES; i++) {
        const char *role = tw_role_names[order[i]];
        const json_t *token = l->decoder ? NULL : json_object_get(l->map, role);
        const char *file = token ? map_name : config_name;
        if (!token)
            token = json_object_get(l->config, role);
        if (token && add_role(l, token, file, role) < 0)
            return -1;
    }
    if (add_list(l, l->config, config_name) < 0)
        return -1;
    return l->decoder ? 0 : add_list(l, l->map, map_name);
}

typedef struct entry {
    long long id;
    size_t place;        /* in the file */
    const char *content; /* of added_tokens.json, else NULL */
    const json_t *token;
} entry;

static int compare(const void *a, const void *b)
{
    const entry *left = a, *right = b;
    if (left->id != right->id)
        return left->id < right->id ? -1 : 1;
    return left->place < right->place ? -1 : left->place > right->place;
}

/* Of added_tokens_decoder the ids are keys, of added_tokens.json values. */
static int read_entry(entry *e, bool decoder, const char *key, const json_t *value)
{
    char *end = NULL;
    const long long id = decoder ? strtol(key, &end, 10) : json_integer_value(value);
    *e = (entry){id, e->place, decoder ? NULL : key, decoder ? value : NULL};
    const bool sound = decoder ? *key >= '0' && *key <= '9' && !*end && json_is_object(value)
                               : *key && json_is_integer(value);
    if (sound && id >= 0 && id < INT32_MAX)
        return 0;
    return decoder ? tw_fail("%s: added_tokens_decoder: %s: expected a token", config_name, key)
                   : tw_fail("added_tokens.json: %s: expected an id", key);
}

/* Takes over a token that is named with its id, or (id < 0) that tokenizer.json has; it is special
 * also where a role or the list of those names it. */
static int put_token(listing *l, const json_t *token, const char *where, long long id)
{
    const char *content = tw_token_content(token);
    json_t *flags = flags_of(token, content && json_object_get(l->special, content), where);
    if (!flags)
        return -1;
    json_object_set(l->named, content, (json_t *)token);
    put(l, flags, where, id);
    return 0;
}

static int put_entry(listing *l, const entry *e)
{
    char *where = e->token ? tw_format("%s: added_tokens_decoder: %lld", config_name, e->id)
                           : tw_format("added_tokens.json: %s", e->content);
    json_t *own = e->token ? NULL : json_object_get(l->own, e->content);
    json_t *text = e->token ? json_incref((json_t *)e->token)
                   : own    ? json_incref(own)
                            : json_string(e->content);
    const int status = put_token(l, text, where, e->id);
    json_decref(text);
    free(where);
    return status;
}

static int put_entries(listing *l)
{
    const json_t *from = l->decoder ? l->decoder : l->added;
    const char *key;
    json_t *value;
    size_t count = 0;
    int status = 0;
    entry *entries = tw_alloc(json_object_size(from), sizeof *entries);
    json_object_foreach((json_t *)from, key, value)
    {
        entries[count].place = count;
        if (status == 0)
            status = read_entry(&entries[count++], l->decoder != NULL, key, value);
    }
    if (status == 0 && count > 0)
        qsort(entries, count, sizeof *entries, compare);
    for (size_t i = 0; status == 0 && i < count; i++)
        status = put_entry(l, &entries[i]);
    free(entries);
    json_object_foreach(l->decoder ? NULL : l->own, key, value)
    {
        if (status == 0)
            status = put_token(l, value, "tokenizer.json: added_tokens", -1);
    }
    return status;
}

/* Whether a token of the list is, flag for flag, one that was put with its id. */
static bool is_known(const json_t *role, const json_t *token, const json_t *known)
{
    const bool special = json_is_true(json_object_get(role, "special"));
    json_t *one = flags_of(token, special, ""), *other = flags_of(known, false, "");
    const bool equal = json_equal(one, other);
    json_decref(one);
    json_decref(other);
    return equal;
}

/* A text that is an added token already stays what it is, and so does a role of one that is
 * named with its id; else flags that are told count. */
static int put_roles(listing *l)
{
    const json_t *role;
    size_t i;
    json_array_foreach(l->roles, i, role)
    {
        const json_t *token = json_object_get(role, "token");
        const char *content = tw_token_content(token);
        const json_t *known = json_object_get(l->named, content);
        if (!json_is_object(token) && (known || json_object_get(l->own, content)))
            continue;
        json_t *flags = flags_of(token, true, json_string_value(json_object_get(role, "where")));
        if (!flags)
            return -1;
        if (known && (json_is_true(json_object_get(role, "role")) || is_known(role, token, known)))
            json_decref(flags);
        else
            put(l, flags, json_string_value(json_object_get(role, "where")), -1);
    }
    return 0;
}

static int read(listing *l, const json_t *tokenizer)
{
    if (l->decoder && !json_is_object(l->decoder))
        return tw_fail("%s: added_tokens_decoder: expected an object", config_name);
    read_own(l, tokenizer);
    return read_roles(l) < 0 || put_entries(l) < 0 || put_roles(l) < 0 ? -1 : 0;
}

json_t *tw_config_tokens(const json_t *tokenizer, const json_t *config, const json_t *map,
                         const json_t *added)
{
    listing l = {.config = config,
                 .map = map,
                 .added = added,
                 .decoder = json_object_get(config, "added_tokens_decoder"),
                 .own = json_object(),
                 .named = json_object(),
                 .roles = json_array(),
                 .special = json_object(),
                 .tokens = json_array()};
    json_t *tokens = read(&l, tokenizer) == 0 ? json_incref(l.tokens) : NULL;
    json_decref(l.tokens);
    json_decref(l.own);
    json_decref(l.named);
    json_decref(l.roles);
    json_decref(l.special);
    return tokens;
}
