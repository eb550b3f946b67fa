/* Any bytes as a record: our reader of JSON is held against jansson's, what we
 * write against both, a record that programs changed against its values, and the
 * checks of fields may only refuse with a message. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "stream/check.h"
#include "stream/json.h"
#include "stream/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth, const char *what)
{
    if (truth)
        return;
    tw_warn("%s", what);
    abort();
}

enum { FLAGS = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL };

/* The same values, and as text the same keys in the same order. */
static void require_same(const json_t *ours, const json_t *theirs)
{
    require(json_equal(ours, theirs), "equal values");
    size_t a_length = 0, b_length = 0;
    char *a = tw_json_text(ours, &a_length), *b = tw_json_text(theirs, &b_length);
    require(a && b && a_length == b_length && memcmp(a, b, a_length) == 0, "equal texts");
    json_t *again = json_loadb(a, a_length, FLAGS, NULL);
    require(again && json_equal(again, theirs), "equal when read again");
    json_decref(again);
    free(a);
    free(b);
}

static void check(json_t *json, unsigned need)
{
    tw_record record = {.json = json, .key = 1, .line = 1, .file = "fuzz"};
    const tw_records_options options = {.need = need};
    tw_fail("%s", "");
    if (tw_record_check(&record, &options) < 0) {
        require(strlen(tw_error()) > 0, "message");
        return;
    }
    require(json_is_object(json), "object");
    require(!(need & TW_NEED_PROMPT) || record.prompt, "prompt");
    require(!(need & TW_NEED_COMPLETION) || record.completion, "completion");
    if (need & (TW_NEED_SAMPLES | TW_NEED_SCORES))
        require(json_array_size(record.samples) > 0, "samples");
    for (size_t i = 0; i < json_array_size(record.samples); i++) {
        json_t *sample = json_array_get(record.samples, i);
        require(json_is_object(sample), "sample");
        if (need & TW_NEED_SCORES)
            require(json_is_number(json_object_get(sample, "score")), "score");
    }
}

/* Sets, changes and deletes members, as the first byte says. */
static void change(json_t *json, unsigned how)
{
    if (how & 16)
        json_object_del(json, "score");
    if (how & 32)
        json_object_set_new(json, "score", json_integer(5));
    if (how & 64)
        json_object_set_new(json, "rank", json_integer(2));
    if (how & 128 && json_object_size(json) > 0)
        json_object_del(json, json_object_iter_key(json_object_iter(json)));
}

/* The text of a record is that it came in, and after changes it has their values. */
static void check_text(json_t *json, const char *text, unsigned how)
{
    size_t length = 0;
    json_t *samples = json_object_get(json, "samples");
    samples = json_is_array(samples) ? samples : NULL;
    tw_origin *origin = tw_origin_new(text, strlen(text), json, samples);
    char *same = tw_origin_text(origin, json, &length);
    require(length == strlen(text) && strcmp(same, text) == 0, "the same text");
    for (size_t i = 0; i < json_array_size(samples); i++)
        change(json_array_get(samples, i), how);
    change(json, how);
    char *changed = tw_origin_text(origin, json, &length);
    json_t *again = tw_json_parse(changed, length, &(json_error_t){0});
    require(again != NULL, "well-formed after changes");
    require(json_equal(again, json), "equal after changes");
    json_decref(again);
    free(same);
    free(changed);
    tw_origin_free(origin);
}

/* jansson refuses numbers that we keep as text. */
static int is_range_error(const json_error_t *error)
{
    return json_error_code(error) == json_error_numeric_overflow;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    unsigned need = data[0] & 15U;
    size_t length = size - 1;
    char *text = malloc(length + 1); /* the sanitizer sees its exact end */
    require(text != NULL, "memory");
    memcpy(text, data + 1, length);
    text[length] = 0;
    json_error_t error = {0}, refused = {0};
    json_t *ours = tw_json_parse(text, length, &error);
    json_t *theirs = json_loadb(text, length, FLAGS, &refused);
    require(!ours == !theirs || (ours && is_range_error(&refused)), "equally accepted");
    require(ours || error.text[0], "message of a refusal");
    if (ours && theirs)
        require_same(ours, theirs);
    if (data[0] & 240 && json_is_object(ours) && text[0] == '{' && text[length - 1] == '}')
        check_text(ours, text, data[0]);
    else if (ours)
        check(ours, need);
    json_decref(ours);
    json_decref(theirs);
    free(text);
    return 0;
}
