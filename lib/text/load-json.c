#include "text/load-json.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "text/config-tokens.h"
#include "text/field.h"
#include "text/merges-file.h"
#include "text/token-roles.h"

/* The usual names of the special tokens, the likeliest first. */
static const char *const usual[TW_ROLES][4] = {
    [TW_BOS] = {"<s>", "<|begin_of_text|>", "<|endoftext|>"},
    [TW_EOS] = {"</s>", "<|end_of_text|>", "<|endoftext|>"},
    [TW_UNKNOWN] = {"<unk>", "<|endoftext|>"},
    [TW_PAD] = {"<pad>"}};

static int32_t find(const void *tokenizer, const char *piece)
{
    return tw_json_tokenizer_find(tokenizer, piece);
}

static int32_t find_usual(const tw_json_tokenizer *tokenizer, int role)
{
    int32_t id = -1;
    for (size_t i = 0; id < 0 && usual[role][i]; i++)
        id = tw_json_tokenizer_find(tokenizer, usual[role][i]);
    return id;
}

/* Classes of Llama's kind make the post-processor anew. */
static int find_affixes(const tw_json_tokenizer *tokenizer, tw_tokenizer_kind kind,
                        const json_t *config, const tw_sentencepiece_ids *special,
                        tw_affixes *affixes)
{
    static const char *const gpt2[] = {"GPT2", NULL};
    if (kind == TW_TOKENIZER_JSON && tw_token_class_is(config, tw_llama_classes))
        return tw_token_affixes(config, true, special, affixes);
    if (kind == TW_VOCAB_MERGES && tw_token_class_is(config, gpt2))
        return tw_token_affixes(config, false, special, affixes);
    const tw_affixes *own = tw_json_tokenizer_affixes(tokenizer);
    for (size_t i = own->before.count; i-- > 0;)
        tw_affixes_put(affixes, true, own->before.ids[i]);
    for (size_t i = 0; i < own->after.count; i++)
        tw_affixes_put(affixes, false, own->after.ids[i]);
    return 0;
}

static tw_json_tokenizer *build_json(json_t *const parsed[TW_FILES])
{
    json_t *more = tw_config_tokens(parsed[TW_FILE_JSON], parsed[TW_FILE_CONFIG],
                                    parsed[TW_FILE_SPECIAL], parsed[TW_FILE_ADDED]);
    tw_json_tokenizer *tokenizer = more ? tw_json_tokenizer_new(parsed[TW_FILE_JSON], more) : NULL;
    json_decref(more);
    return tokenizer;
}

static tw_json_tokenizer *build(const tw_tokenizer_files *files, json_t *const parsed[TW_FILES])
{
    if (files->kind == TW_TOKENIZER_JSON)
        return build_json(parsed);
    json_t *described =
        tw_merges_file_describe(parsed[TW_FILE_VOCAB], files->files[TW_FILE_MERGES].bytes,
                                files->files[TW_FILE_MERGES].size, parsed[TW_FILE_CONFIG],
                                parsed[TW_FILE_SPECIAL], parsed[TW_FILE_ADDED]);
    tw_json_tokenizer *tokenizer = described ? tw_json_tokenizer_new(described, NULL) : NULL;
    json_decref(described);
    return tokenizer;
}

/* What is not in the description of the tokenizer itself. */
static int read_config(tw_json_tokenizer *tokenizer, tw_tokenizer_kind kind, const json_t *config,
                       const json_t *map, tw_sentencepiece_ids *special, tw_affixes *affixes)
{
    bool split;
    *special = (tw_sentencepiece_ids){.size = tw_json_tokenizer_size(tokenizer),
                                      .unknown = find_usual(tokenizer, TW_UNKNOWN),
                                      .bos = find_usual(tokenizer, TW_BOS),
                                      .eos = find_usual(tokenizer, TW_EOS),
                                      .pad = find_usual(tokenizer, TW_PAD)};
    tw_token_roles_find(config, map, find, tokenizer, special);
    if (tw_field_bool(config, "split_special_tokens", false, &split) < 0)
        return tw_fail_in("tokenizer_config.json");
    if (split)
        tw_json_tokenizer_split_special(tokenizer);
    return find_affixes(tokenizer, kind, config, special, affixes);
}

tw_json_tokenizer *tw_json_tokenizer_load(const tw_tokenizer_files *files,
                                          tw_sentencepiece_ids *special, tw_affixes *affixes)
{
    json_t *parsed[TW_FILES] = {NULL};
    const int wanted[] = {files->main, TW_FILE_CONFIG, TW_FILE_SPECIAL, TW_FILE_ADDED};
    tw_json_tokenizer *tokenizer = NULL;
    int status = 0;
    for (size_t i = 0; status == 0 && i < sizeof wanted / sizeof *wanted; i++)
        status = tw_tokenizer_files_parse(files, wanted[i], &parsed[wanted[i]]);
    if (status == 0) {
        tokenizer = build(files, parsed);
        if (!tokenizer || read_config(tokenizer, files->kind, parsed[TW_FILE_CONFIG],
                                      parsed[TW_FILE_SPECIAL], special, affixes) < 0) {
            tw_fail_in("%s", files->path);
            tw_json_tokenizer_free(tokenizer);
            tokenizer = NULL;
        }
    }
    for (int i = 0; i < TW_FILES; i++)
        json_decref(parsed[i]);
    return tokenizer;
}
