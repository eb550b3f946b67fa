#include "text/token-roles.h"

#include <string.h>

#include "core/error.h"
#include "text/field.h"

const char *const tw_role_names[TW_ROLES] = {"bos_token", "eos_token", "unk_token", "pad_token",
                                             "cls_token", "sep_token", "mask_token"};

const char *const tw_llama_classes[] = {"Llama", "CodeLlama", "Gemma", NULL};

const char *tw_token_content(const json_t *token)
{
    const json_t *content = json_is_object(token) ? json_object_get(token, "content") : token;
    return json_string_value(content);
}

bool tw_token_role(const json_t *config, const json_t *map, int role, const json_t **token)
{
    const bool alone = json_object_get(config, "added_tokens_decoder") != NULL;
    const json_t *named = alone ? NULL : json_object_get(map, tw_role_names[role]);
    if (!named)
        named = json_object_get(config, tw_role_names[role]);
    *token = tw_token_content(named) ? named : NULL;
    return named != NULL;
}

void tw_token_roles_find(const json_t *config, const json_t *map, tw_find_piece *find,
                         const void *tokenizer, tw_sentencepiece_ids *ids)
{
    int32_t *const found[] = {[TW_BOS] = &ids->bos,
                              [TW_EOS] = &ids->eos,
                              [TW_UNKNOWN] = &ids->unknown,
                              [TW_PAD] = &ids->pad};
    for (int role = TW_BOS; role <= TW_PAD; role++) {
        const json_t *token = NULL;
        if (tw_token_role(config, map, role, &token))
            *found[role] = token ? find(tokenizer, tw_token_content(token)) : -1;
    }
}

bool tw_token_class_is(const json_t *config, const char *const *names)
{
    const char *name = json_string_value(json_object_get(config, "tokenizer_class"));
    for (; name && *names; names++)
        if (strncmp(name, *names, strlen(*names)) == 0)
            return true;
    return false;
}

int tw_token_affixes(const json_t *config, bool bos, const tw_sentencepiece_ids *ids,
                     tw_affixes *affixes)
{
    bool eos;
    if (tw_field_bool(config, "add_bos_token", bos, &bos) < 0 ||
        tw_field_bool(config, "add_eos_token", false, &eos) < 0)
        return tw_fail_in("%s", "tokenizer_config.json");
    if ((bos && ids->bos < 0) || (eos && ids->eos < 0))
        return tw_fail("tokenizer_config.json: add_%s_token: there is no %s_token",
                       bos && ids->bos < 0 ? "bos" : "eos", bos && ids->bos < 0 ? "bos" : "eos");
    if (bos)
        tw_affixes_put(affixes, true, ids->bos);
    if (eos)
        tw_affixes_put(affixes, false, ids->eos);
    return 0;
}
