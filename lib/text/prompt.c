#include "text/prompt.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"

static int encode(const tw_prompt_rules *rules, const char *text, tw_ids *ids)
{
    if (!rules->prefix || !*rules->prefix)
        return tw_tokenizer_encode(rules->tokenizer, text, strlen(text), ids);
    char *whole = tw_format("%s%s", rules->prefix, text);
    int status = tw_tokenizer_encode(rules->tokenizer, whole, strlen(whole), ids);
    free(whole);
    return status;
}

static int put_start(const tw_prompt_rules *rules, tw_ids *ids)
{
    if (rules->start < 0)
        return tw_fail("prompt: empty, and the model has no token to start from");
    free(ids->ids);
    ids->ids = tw_alloc(1, sizeof *ids->ids);
    ids->ids[0] = rules->start;
    ids->count = 1;
    return 0;
}

int tw_prompt_encode(const tw_prompt_rules *rules, const char *text, size_t limit, tw_ids *ids)
{
    *ids = (tw_ids){0};
    if (encode(rules, text, ids) < 0)
        return -1;
    int status = 0;
    if (ids->count == 0) {
        status = put_start(rules, ids);
    } else if (ids->count > limit && rules->strict) {
        status = tw_fail("prompt: %zu tokens; expected at most %zu", ids->count, limit);
    } else if (ids->count > limit) {
        ids->count = limit;
        status = 1;
    }
    if (status < 0) {
        free(ids->ids);
        *ids = (tw_ids){0};
    }
    return status;
}
