#include "text/merges-file.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "text/field.h"
#include "text/token-roles.h"
#include "text/utf8.h"

/* Of Qwen2's converter in transformers. */
static const char qwen2[] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
                            "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/* The tokenizer classes, and the special tokens that each has where its files name none. */
static const struct {
    const char *name;               /* the beginning of tokenizer_class */
    const char *defaults[TW_ROLES]; /* by role */
    bool nfc, closed;
} classes[] = {
    {"GPT2", {"<|endoftext|>", "<|endoftext|>", "<|endoftext|>"}, false, false},
    {"Roberta", {"<s>", "</s>", "<unk>", "<pad>", "<s>", "</s>", "<mask>"}, false, true},
    {"Qwen2", {NULL, "<|endoftext|>", NULL, "<|endoftext|>"}, true, false},
};
enum { CLASSES = sizeof classes / sizeof *classes };

/* What the files say; all but vocab may be NULL. */
typedef struct sources {
    const json_t *vocab, *config, *map, *added;
    int class;
} sources;

/* Where no class is named, the vocabulary tells. */
static int find_class(const json_t *vocab, const json_t *config)
{
    const char *name = NULL;
    if (tw_field_text(config, "tokenizer_class", NULL, &name) < 0)
        return -1;
    for (int i = 0; name && i < CLASSES; i++)
        if (strncmp(name, classes[i].name, strlen(classes[i].name)) == 0)
            return i;
    if (name)
        return tw_fail("tokenizer_config.json: tokenizer_class: %s with vocab.json and merges.txt "
                       "is not supported "
                       "(GPT2, Roberta and Qwen2 are)",
                       name);
    return json_object_get(vocab, "<mask>") && json_object_get(vocab, "<s>") ? 1 : 0;
}

static json_t *read_merges(const char *text, size_t size)
{
    json_t *merges = json_array();
    size_t number = 0;
    for (size_t i = 0, end; i < size; i = end + 1) {
        const char *stop = memchr(text + i, '\n', size - i);
        end = stop ? (size_t)(stop - text) : size;
        size_t length = end - i;
        if (length > 0 && text[end - 1] == '\r')
            length--;
        number++;
        /* The head of the file is its version; no line after it is a comment. */
        if (length == 0 || (number == 1 && strncmp(text + i, "#version", 8) == 0))
            continue;
        json_t *merge = json_stringn(text + i, length);
        if (!merge || memchr(text + i, '\0', length)) {
            tw_fail("merges.txt: line %zu: expected two pieces", number);
            json_decref(merge);
            json_decref(merges);
            return NULL;
        }
        json_array_append_new(merges, merge);
    }
    return merges;
}

static bool has(const json_t *tokens, const char *content)
{
    const json_t *token;
    size_t i;
    json_array_foreach(tokens, i, token)
    {
        if (strcmp(tw_token_content(token), content) == 0)
            return true;
    }
    return false;
}

/* token: an object whose flags count, or text. */
static void add_token(json_t *tokens, const json_t *token, json_t *id, bool special, bool lstrip)
{
    const char *content = tw_token_content(token);
    if (!content || !id || has(tokens, content))
        return;
    json_t *made = json_is_object(token) ? json_copy((json_t *)token) : json_object();
    json_object_set_new(made, "content", json_string(content));
    json_object_set(made, "id", id);
    if (!json_object_get(made, "special"))
        json_object_set_new(made, "special", json_boolean(special));
    if (!json_object_get(made, "normalized"))
        json_object_set_new(made, "normalized", json_false());
    if (!json_object_get(made, "lstrip"))
        json_object_set_new(made, "lstrip", json_boolean(lstrip));
    json_array_append_new(tokens, made);
}

static void add_listed(json_t *tokens, const json_t *config)
{
    const char *key;
    json_t *token;
    json_object_foreach(json_object_get(config, "added_tokens_decoder"), key, token)
    {
        char *end = NULL;
        long id = strtol(key, &end, 10);
        json_t *number = *end ? NULL : json_integer(id);
        add_token(tokens, token, number, false, false);
        json_decref(number);
    }
}

/* The token of a role, as the files say or else its usual text. New, NULL if there is none. */
static json_t *role_token(const sources *from, int role)
{
    const json_t *named = NULL;
    const char *usual = classes[from->class].defaults[role];
    if (tw_token_role(from->config, from->map, role, &named))
        return named ? json_incref((json_t *)named) : NULL;
    return usual ? json_string(usual) : NULL;
}

/* Borrowed; NULL if the files have no such piece. */
static json_t *id_of(const sources *from, const char *piece)
{
    json_t *id = piece ? json_object_get(from->vocab, piece) : NULL;
    return id || !piece ? id : json_object_get(from->added, piece);
}

static json_t *added_tokens(const sources *from)
{
    json_t *tokens = json_array(), *id;
    const char *content;
    add_listed(tokens, from->config);
    for (int role = 0; role < TW_ROLES; role++) {
        json_t *token = role_token(from, role);
        bool lstrip = classes[from->class].closed && role == TW_MASK;
        add_token(tokens, token, id_of(from, tw_token_content(token)), true, lstrip);
        json_decref(token);
    }
    json_object_foreach((json_t *)from->added, content, id)
    {
        json_t *token = json_string(content);
        add_token(tokens, token, id, false, false);
        json_decref(token);
    }
    return tokens;
}

/* <s> before a text and </s> behind it. */
static json_t *post_processor(const sources *from)
{
    json_t *cls = role_token(from, TW_CLS), *sep = role_token(from, TW_SEP);
    json_t *cls_id = id_of(from, tw_token_content(cls));
    json_t *sep_id = id_of(from, tw_token_content(sep)), *made = NULL;
    if (classes[from->class].closed && cls_id && sep_id)
        made = json_pack("{s:s, s:[s, O], s:[s, O]}", "type", "RobertaProcessing", "cls",
                         tw_token_content(cls), cls_id, "sep", tw_token_content(sep), sep_id);
    json_decref(cls);
    json_decref(sep);
    return made ? made : json_null();
}

static json_t *pre_tokenizer(int class, bool prefix)
{
    if (!classes[class].nfc)
        return json_pack("{s:s, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", prefix,
                         "use_regex", true);
    return json_pack("{s:s, s:[{s:s, s:{s:s}, s:s}, {s:s, s:b, s:b}]}", "type", "Sequence",
                     "pretokenizers", "type", "Split", "pattern", "Regex", qwen2, "behavior",
                     "Isolated", "type", "ByteLevel", "add_prefix_space", prefix, "use_regex",
                     false);
}

json_t *tw_merges_file_describe(json_t *vocab, const char *merges, size_t size,
                                const json_t *config, const json_t *map, const json_t *added)
{
    bool prefix;
    if (tw_field_bool(config, "add_prefix_space", false, &prefix) < 0)
        return NULL;
    const sources from = {vocab, config, map, added, find_class(vocab, config)};
    if (from.class < 0)
        return NULL;
    json_t *pairs = read_merges(merges, size);
    if (!pairs)
        return NULL;
    json_t *form = classes[from.class].nfc ? json_pack("{s:s}", "type", "NFC") : json_null();
    return json_pack("{s:o, s:o, s:o, s:o, s:{s:s}, s:{s:s, s:O, s:o}}", "normalizer", form,
                     "pre_tokenizer", pre_tokenizer(from.class, prefix), "added_tokens",
                     added_tokens(&from), "post_processor", post_processor(&from), "decoder",
                     "type", "ByteLevel", "model", "type", "BPE", "vocab", vocab, "merges", pairs);
}
