#include "text/spiece-tokens.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "text/field.h"

static const struct {
    const char *name; /* the beginning of tokenizer_class */
    tw_spiece_class class;
} classes[] = {{"T5", TW_SPIECE_T5},       {"MT5", TW_SPIECE_T5},
               {"Llama", TW_SPIECE_LLAMA}, {"CodeLlama", TW_SPIECE_LLAMA},
               {"Gemma", TW_SPIECE_GEMMA}, {"BertGeneration", TW_SPIECE_PLAIN}};

int tw_spiece_class_of(const json_t *config, tw_spiece_class *class)
{
    const char *name = NULL;
    *class = TW_SPIECE_PLAIN;
    if (tw_field_text(config, "tokenizer_class", NULL, &name) < 0)
        return tw_fail_in("tokenizer_config.json");
    for (size_t i = 0; name && i < sizeof classes / sizeof *classes; i++)
        if (strncmp(name, classes[i].name, strlen(classes[i].name)) == 0) {
            *class = classes[i].class;
            return 0;
        }
    return !name ? 0
                 : tw_fail("tokenizer_config.json: tokenizer_class: %s with a SentencePiece model "
                           "is not supported (T5, Llama, Gemma and BertGeneration are; "
                           "save its tokenizer.json)",
                           name);
}

/* The tokens so far, and the id that the next one gets. */
typedef struct listing {
    json_t *tokens; /* by content */
    const tw_vocabulary *vocabulary;
    json_int_t next;
} listing;

static void put(listing *l, const char *content, json_int_t id, const json_t *flags, bool special)
{
    json_t *made = json_is_object(flags) ? json_copy((json_t *)flags) : json_object();
    json_object_set_new(made, "content", json_string(content));
    json_object_set_new(made, "id", json_integer(id));
    /* Nothing is normalized before these tokens are looked for. */
    json_object_set_new(made, "normalized", json_false());
    if (special)
        json_object_set_new(made, "special", json_true());
    json_object_set_new(l->tokens, content, made);
    if (id >= l->next)
        l->next = id + 1;
}

/* A token of a role: known by now, or a piece, or (where the files name it) a new one. */
static void put_special(listing *l, const json_t *token, bool named)
{
    const char *content = tw_token_content(token);
    json_t *known = content ? json_object_get(l->tokens, content) : NULL;
    if (known)
        json_object_set_new(known, "special", json_true());
    if (known || !content || !*content)
        return;
    int32_t id = tw_vocabulary_find(l->vocabulary, content, strlen(content));
    if (id >= 0 || named)
        put(l, content, id >= 0 ? id : l->next, token, true);
}

static size_t count_extra(const json_t *additional)
{
    const json_t *token;
    size_t i, count = 0;
    json_array_foreach(additional, i, token)
    {
        const char *content = tw_token_content(token);
        count += content && strstr(content, "<extra_id_");
    }
    return count;
}

/* T5's sentinels stand above the pieces, the first of them topmost. */
static int put_extra_ids(listing *l, const tw_spiece_files *files)
{
    enum { USUAL = 100, MOST = 10000 };
    const json_t *field = json_object_get(files->config, "extra_ids");
    const json_t *additional = json_object_get(files->config, "additional_special_tokens");
    size_t named = count_extra(additional);
    double count = field ? json_number_value(field) : USUAL;
    if ((field && !json_is_number(field)) || count < 0 || count > MOST)
        return tw_fail("tokenizer_config.json: extra_ids: expected a number up to %d", MOST);
    if (named > 0 && count > 0 && (double)named != count)
        return tw_fail(
            "tokenizer_config.json: extra_ids: %g, but additional_special_tokens has %zu", count,
            named);
    json_t *flags = json_pack("{s:b, s:b}", "lstrip", 1, "rstrip", 1);
    const json_int_t top = (json_int_t)l->vocabulary->size - 1 + (json_int_t)count;
    for (json_int_t i = 0; i < (json_int_t)count; i++) {
        char *content = tw_format("<extra_id_%lld>", (long long)i);
        put(l, content, top - i, flags, true);
        free(content);
    }
    json_decref(flags);
    return 0;
}

/* added_tokens_decoder by id, or else added_tokens.json by content. */
static int put_listed(listing *l, const tw_spiece_files *files)
{
    const json_t *listed = json_object_get(files->config, "added_tokens_decoder");
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)listed, key, value)
    {
        char *end = NULL;
        const long id = strtol(key, &end, 10);
        const char *content = tw_token_content(value);
        if (*end || end == key || id < 0 || !content || !*content)
            return tw_fail("tokenizer_config.json: added_tokens_decoder: %s: expected a token",
                           key);
        if (json_is_true(json_object_get(value, "single_word")))
            return tw_fail("tokenizer_config.json: added_tokens_decoder: %s: single_word: true "
                           "is not supported",
                           key);
        put(l, content, id, value, false);
    }
    json_object_foreach(listed ? NULL : (json_t *)files->added, key, value)
    {
        if (!json_is_integer(value) || json_integer_value(value) < 0 || !*key)
            return tw_fail("added_tokens.json: %s: expected an id", key);
        put(l, key, json_integer_value(value), NULL, false);
    }
    return 0;
}

/* The special tokens by their roles, in transformers' order of adding them. */
static void put_roles(listing *l, const tw_spiece_files *files, tw_spiece_class class)
{
    static const int order[TW_ROLES] = {TW_BOS, TW_EOS, TW_UNKNOWN, TW_SEP,
                                        TW_PAD, TW_CLS, TW_MASK};
    static const char *const usual[TW_ROLES] = {"<s>", "</s>", "<unk>", "<pad>"};
    const json_t *token = NULL;
    for (size_t i = 0; i < TW_ROLES; i++) {
        const int role = order[i];
        const bool known = tw_token_role(files->config, files->map, role, &token);
        const bool has = usual[role] && (class != TW_SPIECE_T5 || role != TW_BOS) &&
                         (class != TW_SPIECE_LLAMA || role != TW_PAD);
        json_t *standard = !known && has ? json_string(usual[role]) : NULL;
        put_special(l, known ? token : standard, known);
        json_decref(standard);
    }
    const json_t *additional = json_object_get(files->config, "additional_special_tokens");
    if (!additional)
        additional = json_object_get(files->map, "additional_special_tokens");
    size_t i;
    json_array_foreach(additional, i, token)
    {
        put_special(l, token, true);
    }
}

json_t *tw_spiece_tokens(const tw_spiece_files *files, tw_spiece_class class,
                         const tw_vocabulary *vocabulary)
{
    listing l = {json_object(), vocabulary, (json_int_t)vocabulary->size};
    int status = class == TW_SPIECE_T5 ? put_extra_ids(&l, files) : 0;
    if (status == 0)
        status = put_listed(&l, files);
    json_t *list = NULL, *token;
    const char *content;
    if (status == 0) {
        put_roles(&l, files, class);
        list = json_array();
        json_object_foreach(l.tokens, content, token)
        {
            json_array_append(list, token);
        }
    }
    json_decref(l.tokens);
    return list;
}
