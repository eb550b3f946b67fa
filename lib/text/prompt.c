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

/* Puts before the text what the tokenizer's files say; an empty prompt needs something. */
static int begin(const tw_prompt_rules *rules, tw_ids *ids)
{
    const tw_ids *before = tw_tokenizer_before(rules->tokenizer);
    const tw_ids start = {(int32_t *)&rules->start, 1};
    if (before->count == 0 && ids->count > 0)
        return 0;
    if (before->count == 0 && rules->start < 0)
        return tw_fail("prompt: empty, and the model has no token to start from");
    const tw_ids *head = before->count > 0 ? before : &start;
    int32_t *whole = tw_alloc(head->count + ids->count, sizeof *whole);
    memcpy(whole, head->ids, head->count * sizeof *whole);
    if (ids->count > 0)
        memcpy(whole + head->count, ids->ids, ids->count * sizeof *whole);
    free(ids->ids);
    *ids = (tw_ids){whole, head->count + ids->count};
    return 0;
}

/* One EOS, whether or not the tokenizer has put one there. */
static void close(const tw_prompt_rules *rules, tw_ids *ids)
{
    if (ids->count > 0 && ids->ids[ids->count - 1] == rules->eos)
        return;
    ids->ids = tw_realloc(ids->ids, ids->count + 1, sizeof *ids->ids);
    ids->ids[ids->count++] = rules->eos;
}

int tw_prompt_encode(const tw_prompt_rules *rules, const char *text, size_t limit, tw_ids *ids)
{
    *ids = (tw_ids){0};
    if (encode(rules, text, ids) < 0)
        return -1;
    if (rules->closed)
        close(rules, ids);
    int status = begin(rules, ids);
    if (status == 0 && ids->count > limit && rules->strict) {
        status = tw_fail("prompt: %zu tokens; expected at most %zu", ids->count, limit);
    } else if (status == 0 && ids->count > limit) {
        ids->count = limit;
        if (rules->closed)
            ids->ids[limit - 1] = rules->eos;
        status = 1;
    }
    if (status < 0) {
        free(ids->ids);
        *ids = (tw_ids){0};
    }
    return status;
}
