#include "metric/examples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/rng.h"
#include "stream/json.h"
#include "stream/record.h"

static int add(tw_examples *examples, const tw_record *record, const tw_verbalizers *verbalizers)
{
    const json_t *text = json_object_get(record->json, "text");
    const char *string = json_string_value(text);
    if (!string)
        return tw_record_fail(record, "text: expected a string, got %s", tw_json_kind(text));
    if (strlen(string) != json_string_length(text))
        return tw_record_fail(record, "text: expected a string without NUL");
    const int label = tw_verbalizers_class(verbalizers, json_object_get(record->json, "label"));
    if (label < 0)
        return tw_record_fail(record, "%s", tw_error());
    if (examples->count == UINT32_MAX)
        return tw_record_fail(record, "more than %u examples", UINT32_MAX);
    if (examples->count == examples->capacity) {
        examples->capacity = examples->capacity ? 2 * examples->capacity : 64;
        examples->all = tw_realloc(examples->all, examples->capacity, sizeof *examples->all);
    }
    examples->all[examples->count++] =
        (tw_example){tw_strdup(string), record->line, (uint32_t)label};
    return 0;
}

int tw_examples_read(tw_examples *examples, const char *path, const tw_verbalizers *verbalizers)
{
    const tw_records_options options = {0};
    char *file = tw_strdup(path);
    tw_record record = {0};
    int status = -1;
    *examples = (tw_examples){.file = tw_strdup(path)};
    tw_records *records = tw_records_open(&file, 1, &options);
    while (records && (status = tw_records_next(records, &record)) > 0) {
        status = add(examples, &record, verbalizers);
        tw_record_clear(&record);
        if (status != 0)
            break;
    }
    if (status == 0 && examples->count == 0)
        status = tw_fail("%s: no examples; expected at least one {\"text\":..., \"label\":...}",
                         examples->file);
    tw_records_close(records);
    free(file);
    if (status != 0)
        tw_examples_clear(examples);
    return status;
}

void tw_examples_clear(tw_examples *examples)
{
    for (size_t i = 0; i < examples->count; i++)
        free(examples->all[i].text);
    free(examples->all);
    free(examples->file);
    *examples = (tw_examples){0};
}

static int by_index(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

size_t tw_examples_pick(size_t count, double fraction, uint64_t seed, uint64_t key,
                        uint32_t *picked)
{
    const double share = round(fraction * (double)count);
    const size_t wanted = share < 1 ? 1 : share < (double)count ? (size_t)share : count;
    tw_permutation(seed, TW_RNG_EXAMPLES, key, 0, count, picked);
    qsort(picked, wanted, sizeof *picked, by_index);
    return wanted;
}
