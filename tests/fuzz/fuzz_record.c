/* Any bytes as a record: our reader of JSON is held against jansson's, what we
 * write against both, and the checks of fields may only refuse with a message. */
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
    json_error_t error = {0};
    json_t *ours = tw_json_parse(text, length, &error);
    json_t *theirs = json_loadb(text, length, FLAGS, NULL);
    require(!ours == !theirs, "equally accepted");
    require(ours || error.text[0], "message of a refusal");
    if (ours) {
        require_same(ours, theirs);
        check(ours, need);
    }
    json_decref(ours);
    json_decref(theirs);
    free(text);
    return 0;
}
