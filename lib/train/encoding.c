#include "train/encoding.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"

tw_encoding tw_encoding_of(const tw_model *model, const tw_text_options *text)
{
    static const tw_text_options defaults;
    const tw_config *config = &model->config;
    if (!text)
        text = &defaults;
    return (tw_encoding){.tokenizer = model->tokenizer,
                         .start = config->bos >= 0 ? config->bos : config->eos,
                         .eos = config->eos,
                         .stops = config->stops,
                         .vocabulary = config->vocab_size,
                         .context = config->max_positions,
                         .apart = tw_has_encoder(config),
                         .max_prompt_tokens = (size_t)text->max_prompt_tokens,
                         .max_completion_tokens = (size_t)text->max_completion_tokens,
                         .prefix = text->prefix,
                         .suffix = text->suffix,
                         .truncate = (tw_truncate)text->truncate,
                         .strict = text->strict,
                         .retokenize = text->retokenize};
}

int tw_encoding_check(const tw_encoding *encoding)
{
    if (encoding->context >= 2)
        return 0;
    return tw_fail("a context of %zu tokens has no room for a prompt and a token behind it",
                   encoding->context);
}

static int encode_text(const tw_encoding *encoding, const char *text, bool closed, tw_ids *ids)
{
    if (tw_tokenizer_encode(encoding->tokenizer, text, strlen(text), ids) < 0)
        return -1;
    if (!closed || encoding->eos < 0)
        return 0;
    if (ids->count > 0 && tw_stops_has(&encoding->stops, ids->ids[ids->count - 1]))
        return 0;
    ids->ids = tw_realloc(ids->ids, ids->count + 1, sizeof *ids->ids);
    ids->ids[ids->count++] = encoding->eos;
    return 0;
}

/* Ids of a `tokens` field, each below the vocabulary's size. */
static int read_tokens(const tw_encoding *encoding, const json_t *tokens, tw_ids *ids)
{
    size_t count = json_array_size(tokens);
    ids->ids = tw_alloc(count + 1, sizeof *ids->ids);
    ids->count = count;
    for (size_t i = 0; i < count; i++) {
        const json_t *token = json_array_get(tokens, i);
        json_int_t id = json_integer_value(token);
        if (!json_is_integer(token) || id < 0 || (uint64_t)id >= encoding->vocabulary)
            return tw_fail("tokens[%zu]: expected an id from 0 to %zu", i,
                           encoding->vocabulary - 1);
        ids->ids[i] = (int32_t)id;
    }
    return 0;
}

/* Ids of another vocabulary show in that they do not spell the text. */
static void compare(const tw_encoding *encoding, const tw_ids *ids, const char *text,
                    tw_encoded *encoded)
{
    char *decoded = tw_tokenizer_decode(encoding->tokenizer, ids->ids, ids->count);
    encoded->compared++;
    encoded->differed += !decoded || strcmp(decoded, text) != 0;
    free(decoded);
}

static int read_sample(const tw_encoding *encoding, const json_t *sample, tw_encoded *encoded,
                       tw_ids *ids)
{
    const char *text = json_string_value(json_object_get(sample, "text"));
    const json_t *tokens = json_object_get(sample, "tokens");
    if (tokens && !encoding->retokenize) {
        if (read_tokens(encoding, tokens, ids) < 0)
            return -1;
        if (text)
            compare(encoding, ids, text, encoded);
    } else {
        const char *finish = json_string_value(json_object_get(sample, "finish"));
        bool closed = !finish || strcmp(finish, "length") != 0;
        if (!text)
            return tw_fail("text: expected a string, got nothing");
        if (encode_text(encoding, text, closed, ids) < 0)
            return -1;
    }
    return ids->count > 0 ? 0 : tw_fail("no tokens: expected at least one");
}

/* Cuts what the context has no room for, behind a prompt of one token if they share it. Returns
 * whether there was something, or -1. */
static int fit(const tw_encoding *encoding, tw_encoded *encoded, tw_ids *ids)
{
    size_t limit = encoding->apart ? encoding->context : encoding->context - 1;
    size_t asked = encoding->max_completion_tokens;
    if (asked > 0 && (encoding->apart || asked < limit))
        limit = asked;
    if (ids->count <= limit)
        return 0;
    if (encoding->strict)
        return tw_fail("%zu tokens; expected at most %zu", ids->count, limit);
    encoded->completions_cut++;
    ids->count = limit;
    return 1;
}

static int done(int status, tw_ids *ids)
{
    if (status >= 0)
        return status;
    free(ids->ids);
    *ids = (tw_ids){0};
    return -1;
}

int tw_encode_completion(const tw_encoding *encoding, const char *text, tw_encoded *encoded,
                         tw_ids *ids)
{
    *ids = (tw_ids){0};
    int status = encode_text(encoding, text, true, ids);
    return done(status == 0 ? fit(encoding, encoded, ids) : status, ids);
}

int tw_encode_sample(const tw_encoding *encoding, const json_t *sample, tw_encoded *encoded,
                     tw_ids *ids)
{
    *ids = (tw_ids){0};
    int status = read_sample(encoding, sample, encoded, ids);
    return done(status == 0 ? fit(encoding, encoded, ids) : status, ids);
}

/* Tokens that a prompt may have before a completion of `longest`. */
static size_t prompt_limit(const tw_encoding *encoding, size_t longest)
{
    size_t asked = encoding->max_prompt_tokens, room = longest;
    if (encoding->apart)
        return asked > 0 ? asked : encoding->context;
    if (room < encoding->max_completion_tokens)
        room = encoding->max_completion_tokens;
    if (room < 1)
        room = 1;
    size_t limit = room < encoding->context ? encoding->context - room : 1;
    return asked > 0 && asked < limit ? asked : limit;
}

int tw_encode_prompt(const tw_encoding *encoding, const char *prompt, size_t longest,
                     tw_encoded *encoded, tw_ids *ids)
{
    size_t limit = prompt_limit(encoding, longest);
    const tw_prompt_rules rules = {.tokenizer = encoding->tokenizer,
                                   .prefix = encoding->prefix,
                                   .suffix = encoding->suffix,
                                   .start = encoding->start,
                                   .strict = encoding->strict,
                                   .closed = encoding->apart && encoding->eos >= 0,
                                   .eos = encoding->eos,
                                   .truncate = encoding->truncate};
    int cut = tw_prompt_encode(&rules, prompt, limit, ids);
    if (cut < 0)
        return -1;
    encoded->prompts_cut += (uint64_t)cut;
    return 0;
}

int tw_encoded_check(const tw_encoded *encoded)
{
    if (2 * encoded->differed <= encoded->compared)
        return 0;
    return tw_fail("%" PRIu64 " of %" PRIu64 " samples have tokens that do not spell their text: "
                   "they are of another tokenizer than the model's (--retokenize goes by the text)",
                   encoded->differed, encoded->compared);
}
