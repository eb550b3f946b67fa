#include "text/load-json.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "text/merges-file.h"

/* A file as JSON. *json stays NULL when there is no such file. */
static int parse(const tw_tokenizer_files *files, int file, json_t **json)
{
    json_error_t error;
    if (!files->files[file].bytes)
        return 0;
    *json = json_loadb(files->files[file].bytes, files->files[file].size, 0, &error);
    if (json_is_object(*json))
        return 0;
    const char *slash = strrchr(files->path, '/');
    char *name = file == files->main
                     ? tw_strdup(files->path)
                     : tw_format("%.*s%s", slash ? (int)(slash - files->path) + 1 : 0, files->path,
                                 tw_tokenizer_file_names[file]);
    if (*json)
        tw_fail("%s: expected a JSON object", name);
    else
        tw_fail("%s: not valid JSON (line %d: %s)", name, error.line, error.text);
    free(name);
    return -1;
}

/* The usual names of the special tokens, the likeliest first. */
typedef struct role {
    const char *key;
    const char *usual[5];
} role;

static const role bos = {"bos_token", {"<s>", "<|begin_of_text|>", "<|endoftext|>"}};
static const role eos = {"eos_token", {"</s>", "<|end_of_text|>", "<|endoftext|>"}};
static const role unknown = {"unk_token", {"<unk>", "<|endoftext|>"}};
static const role padding = {"pad_token", {"<pad>"}};

/* Whether `from` has a word on the role, and which token: "...", {"content": "..."}, or null. */
static bool names(const json_t *from, const role *wanted, const char **piece)
{
    const json_t *token = json_object_get(from, wanted->key);
    *piece = json_string_value(json_is_object(token) ? json_object_get(token, "content") : token);
    return token != NULL;
}

static int32_t find_role(const tw_json_tokenizer *tokenizer, const json_t *config,
                         const json_t *map, const role *wanted)
{
    const char *piece = NULL;
    if (names(config, wanted, &piece) || names(map, wanted, &piece))
        return piece ? tw_json_tokenizer_find(tokenizer, piece) : -1;
    for (size_t i = 0; wanted->usual[i]; i++) {
        int32_t id = tw_json_tokenizer_find(tokenizer, wanted->usual[i]);
        if (id >= 0)
            return id;
    }
    return -1;
}

static tw_json_tokenizer *build(const tw_tokenizer_files *files, json_t *const parsed[TW_FILES])
{
    if (files->kind == TW_TOKENIZER_JSON)
        return tw_json_tokenizer_new(parsed[TW_FILE_JSON]);
    json_t *described = tw_merges_file_describe(
        parsed[TW_FILE_VOCAB], files->files[TW_FILE_MERGES].bytes,
        files->files[TW_FILE_MERGES].size, parsed[TW_FILE_CONFIG], parsed[TW_FILE_ADDED]);
    tw_json_tokenizer *tokenizer = described ? tw_json_tokenizer_new(described) : NULL;
    json_decref(described);
    return tokenizer;
}

tw_json_tokenizer *tw_json_tokenizer_load(const tw_tokenizer_files *files,
                                          tw_sentencepiece_ids *special)
{
    json_t *parsed[TW_FILES] = {NULL};
    const int wanted[] = {files->main, TW_FILE_CONFIG, TW_FILE_SPECIAL, TW_FILE_ADDED};
    tw_json_tokenizer *tokenizer = NULL;
    int status = 0;
    for (size_t i = 0; status == 0 && i < sizeof wanted / sizeof *wanted; i++)
        status = parse(files, wanted[i], &parsed[wanted[i]]);
    if (status == 0 && !(tokenizer = build(files, parsed)))
        tw_fail_in("%s", files->path);
    if (tokenizer) {
        const json_t *config = parsed[TW_FILE_CONFIG], *map = parsed[TW_FILE_SPECIAL];
        *special = (tw_sentencepiece_ids){.size = tw_json_tokenizer_size(tokenizer),
                                          .unknown = find_role(tokenizer, config, map, &unknown),
                                          .bos = find_role(tokenizer, config, map, &bos),
                                          .eos = find_role(tokenizer, config, map, &eos),
                                          .pad = find_role(tokenizer, config, map, &padding)};
    }
    for (int i = 0; i < TW_FILES; i++)
        json_decref(parsed[i]);
    return tokenizer;
}
