#include "stream/check.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/rng.h"
#include "stream/json.h"

/* A place in a record for messages: `field`, or `samples[index].field`. */
typedef struct place {
    const char *field; /* NULL: the sample itself */
    long long index;   /* -1: of the record itself */
} place;

/* What to do about a field that an earlier stage adds; at the end of a message. */
static const char *advice(place at, const json_t *got)
{
    if (got || !at.field)
        return "";
    if (at.index < 0 && strcmp(at.field, "samples") == 0)
        return " (run sample first)";
    return at.index >= 0 && strcmp(at.field, "score") == 0 ? " (run rank first)" : "";
}

static int fail_at(place at, const char *expected, const json_t *got)
{
    const char *kind = tw_json_kind(got), *more = advice(at, got);
    if (!at.field)
        return tw_fail("samples[%lld]: expected %s, got %s", at.index, expected, kind);
    if (at.index < 0)
        return tw_fail("%s: expected %s, got %s%s", at.field, expected, kind, more);
    return tw_fail("samples[%lld].%s: expected %s, got %s%s", at.index, at.field, expected, kind,
                   more);
}

/* A string usable in C; absent ones are fine unless needed. */
static int check_string(place at, const json_t *json, bool needed, const char **value)
{
    if (!json && !needed)
        return 0;
    if (!json_is_string(json))
        return fail_at(at, "a string", json);
    const char *string = json_string_value(json);
    if (strlen(string) != json_string_length(json))
        return fail_at(at, "a string without NUL", json);
    if (value)
        *value = string;
    return 0;
}

static int check_number(place at, const json_t *json, bool needed)
{
    if ((json || needed) && !json_is_number(json))
        return fail_at(at, "a number", json); /* JSON's numbers are finite */
    return 0;
}

static int check_tokens(long long index, const json_t *tokens)
{
    if (tokens && !json_is_array(tokens))
        return fail_at((place){"tokens", index}, "an array of token ids", tokens);
    size_t count = json_array_size(tokens);
    for (size_t i = 0; i < count; i++) {
        const json_t *token = json_array_get(tokens, i);
        if (!json_is_integer(token))
            return tw_fail("samples[%lld].tokens[%zu]: expected a token id, got %s", index, i,
                           tw_json_kind(token));
        json_int_t value = json_integer_value(token);
        if (value < 0 || value > INT32_MAX)
            return tw_fail("samples[%lld].tokens[%zu]: expected a token id from 0 to %d, got %lld",
                           index, i, INT32_MAX, (long long)value);
    }
    return 0;
}

static int check_rank(long long index, const json_t *rank)
{
    if (rank && (!json_is_integer(rank) || json_integer_value(rank) < 1))
        return fail_at((place){"rank", index}, "an integer of at least 1", rank);
    return 0;
}

static int check_sample(long long index, const json_t *sample, unsigned need)
{
    if (!json_is_object(sample))
        return fail_at((place){NULL, index}, "an object", sample);
    bool text = need & (TW_NEED_SAMPLES | TW_NEED_SCORES);
    if (check_string((place){"text", index}, json_object_get(sample, "text"), text, NULL) < 0 ||
        check_string((place){"finish", index}, json_object_get(sample, "finish"), false, NULL) < 0)
        return -1;
    if (check_number((place){"score", index}, json_object_get(sample, "score"),
                     need & TW_NEED_SCORES) < 0 ||
        check_number((place){"logprob", index}, json_object_get(sample, "logprob"), false) < 0)
        return -1;
    if (check_tokens(index, json_object_get(sample, "tokens")) < 0)
        return -1;
    return check_rank(index, json_object_get(sample, "rank"));
}

static int check_samples(tw_record *record, unsigned need)
{
    json_t *samples = json_object_get(record->json, "samples");
    bool needed = need & (TW_NEED_SAMPLES | TW_NEED_SCORES);
    if (!samples && !needed)
        return 0;
    if (!json_is_array(samples))
        return fail_at((place){"samples", -1}, "an array", samples);
    size_t count = json_array_size(samples);
    if (count == 0 && needed)
        return tw_fail("samples: expected at least one sample, got an empty array");
    for (size_t i = 0; i < count; i++)
        if (check_sample((long long)i, json_array_get(samples, i), need) < 0)
            return -1;
    record->samples = samples;
    return 0;
}

/* Without `id` the key given by the caller (the line number) becomes the id. */
static int check_id(tw_record *record)
{
    const json_t *id = json_object_get(record->json, "id");
    if (!id) {
        json_object_set_new(record->json, "id", json_integer((json_int_t)record->key));
        return 0;
    }
    if (json_is_string(id)) {
        record->key = tw_hash(json_string_value(id), json_string_length(id));
        return 0;
    }
    if (!json_is_integer(id))
        return fail_at((place){"id", -1}, "a string or a non-negative integer", id);
    if (json_integer_value(id) < 0)
        return tw_fail("id: expected a string or a non-negative integer, got %lld",
                       (long long)json_integer_value(id));
    record->key = (uint64_t)json_integer_value(id);
    return 0;
}

static int check_completion(tw_record *record, const char *field, bool needed)
{
    const json_t *completion = json_object_get(record->json, field);
    const json_t *sample = json_array_get(json_object_get(record->json, "samples"), 0);
    if (needed && !completion && json_object_get(sample, "rank"))
        return tw_fail("%s: expected a string, got nothing (rank --completion best puts the best "
                       "sample there)",
                       field);
    return check_string((place){field, -1}, completion, needed, &record->completion);
}

int tw_record_check(tw_record *record, const tw_records_options *options)
{
    const char *prompt = options->prompt_field ? options->prompt_field : "prompt";
    const char *completion = options->completion_field ? options->completion_field : "completion";
    if (!json_is_object(record->json))
        return tw_fail("expected a JSON object, got %s", tw_json_kind(record->json));
    if (check_string((place){prompt, -1}, json_object_get(record->json, prompt),
                     options->need & TW_NEED_PROMPT, &record->prompt) < 0 ||
        check_completion(record, completion, options->need & TW_NEED_COMPLETION) < 0)
        return -1;
    if (check_samples(record, options->need) < 0)
        return -1;
    return check_id(record);
}
