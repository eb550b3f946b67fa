#include "text/merges-file.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "text/field.h"
#include "text/utf8.h"

/* Of Qwen2's converter in transformers. */
static const char qwen2[] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
                            "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

static const char *const roles[] = {"bos_token", "eos_token", "unk_token", "pad_token",
                                    "cls_token", "sep_token", "mask_token"};
enum { ROLES = sizeof roles / sizeof *roles };

/* The tokenizer classes, and the special tokens that each has where its files name none. */
static const struct {
    const char *name; /* the beginning of tokenizer_class */
    const char *defaults[ROLES];
    bool nfc;
} classes[] = {
    {"GPT2", {"<|endoftext|>", "<|endoftext|>", "<|endoftext|>"}, false},
    {"Roberta", {"<s>", "</s>", "<unk>", "<pad>", "<s>", "</s>", "<mask>"}, false},
    {"Qwen2", {NULL, "<|endoftext|>", NULL, "<|endoftext|>"}, true},
};
enum { CLASSES = sizeof classes / sizeof *classes };

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

/* "…" or {"content": "…"}: the text. */
static const char *content_of(const json_t *token)
{
    const json_t *content = json_is_object(token) ? json_object_get(token, "content") : token;
    return json_string_value(content);
}

static bool has(const json_t *tokens, const char *content)
{
    const json_t *token;
    size_t i;
    json_array_foreach(tokens, i, token)
    {
        if (strcmp(content_of(token), content) == 0)
            return true;
    }
    return false;
}

/* token: an object whose flags count, or text. */
static void add_token(json_t *tokens, const json_t *token, json_t *id, bool special, bool lstrip)
{
    const char *content = content_of(token);
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

static json_t *added_tokens(json_t *vocab, int class, const json_t *config, const json_t *added)
{
    json_t *tokens = json_array(), *id;
    const char *content;
    add_listed(tokens, config);
    for (size_t i = 0; i < ROLES; i++) {
        json_t *named = json_object_get(config, roles[i]);
        const char *usual = classes[class].defaults[i];
        json_t *token = named || !usual ? json_incref(named) : json_string(usual);
        const char *text = content_of(token);
        json_t *known = text ? json_object_get(vocab, text) : NULL;
        if (text && !known)
            known = json_object_get(added, text);
        add_token(tokens, token, known, true, class == 1 && strcmp(roles[i], "mask_token") == 0);
        json_decref(token);
    }
    json_object_foreach((json_t *)added, content, id)
    {
        json_t *token = json_string(content);
        add_token(tokens, token, id, false, false);
        json_decref(token);
    }
    return tokens;
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
                                const json_t *config, const json_t *added)
{
    bool prefix;
    if (tw_field_bool(config, "add_prefix_space", false, &prefix) < 0)
        return NULL;
    int class = find_class(vocab, config);
    if (class < 0)
        return NULL;
    json_t *pairs = read_merges(merges, size);
    if (!pairs)
        return NULL;
    json_t *form = classes[class].nfc ? json_pack("{s:s}", "type", "NFC") : json_null();
    return json_pack("{s:o, s:o, s:o, s:{s:s}, s:{s:s, s:O, s:o}}", "normalizer", form,
                     "pre_tokenizer", pre_tokenizer(class, prefix), "added_tokens",
                     added_tokens(vocab, class, config, added), "decoder", "type", "ByteLevel",
                     "model", "type", "BPE", "vocab", vocab, "merges", pairs);
}
