#include "text/prompt.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"

static int encode(const tw_prompt_rules *rules, const char *text, tw_ids *ids)
{
    char *whole = tw_format("%s%s%s", rules->prefix ? rules->prefix : "", text,
                            rules->suffix ? rules->suffix : "");
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

/* Tokens of an affix alone. */
static int count_tokens(const tw_prompt_rules *rules, const char *affix, size_t *count)
{
    tw_ids ids = {0};
    if (affix && tw_tokenizer_encode(rules->tokenizer, affix, strlen(affix), &ids) < 0)
        return -1;
    *count = ids.count;
    free(ids.ids);
    return 0;
}

/* Keeps `limit` of more tokens: the first ones and the last ones. */
static int cut(const tw_prompt_rules *rules, size_t limit, tw_ids *ids)
{
    size_t head = 0, tail = 0;
    if (count_tokens(rules, rules->prefix, &head) < 0 ||
        count_tokens(rules, rules->suffix, &tail) < 0)
        return -1;
    head += tw_tokenizer_before(rules->tokenizer)->count;
    tail += rules->closed;
    if (head + tail >= limit && tail > rules->closed)
        return tw_fail("prompt: %zu tokens before and after its text leave none of %zu for it",
                       head + tail, limit);
    const size_t room = head + tail < limit ? limit - head - tail : 0;
    size_t first = limit - tail;
    if (rules->truncate != TW_TRUNCATE_RIGHT && room > 0)
        first = head + (rules->truncate == TW_TRUNCATE_MIDDLE ? (room + 1) / 2 : 0);
    const size_t last = limit - first;
    memmove(ids->ids + first, ids->ids + ids->count - last, last * sizeof *ids->ids);
    ids->count = limit;
    return 1;
}

int tw_prompt_encode(const tw_prompt_rules *rules, const char *text, size_t limit, tw_ids *ids)
{
    *ids = (tw_ids){0};
    if (encode(rules, text, ids) < 0)
        return -1;
    if (rules->closed)
        close(rules, ids);
    int status = begin(rules, ids);
    if (status == 0 && ids->count > limit)
        status = rules->strict
                     ? tw_fail("prompt: %zu tokens; expected at most %zu", ids->count, limit)
                     : cut(rules, limit, ids);
    if (status < 0) {
        free(ids->ids);
        *ids = (tw_ids){0};
    }
    return status;
}

const char *tw_truncate_place(tw_truncate truncate)
{
    static const char *const places[] = {[TW_TRUNCATE_RIGHT] = "at their end",
                                         [TW_TRUNCATE_LEFT] = "at their beginning",
                                         [TW_TRUNCATE_MIDDLE] = "in their middle"};
    return places[truncate];
}
