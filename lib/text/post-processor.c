#include "text/post-processor.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "text/field.h"

/* No file makes us put more than this around every text. */
enum { LONGEST = 64, DEPTH = 4 };

void tw_affixes_put(tw_affixes *affixes, int before, int32_t id)
{
    tw_ids *to = before ? &affixes->before : &affixes->after;
    to->ids = tw_realloc(to->ids, to->count + 1, sizeof *to->ids);
    size_t at = before ? 0 : to->count;
    memmove(to->ids + at + 1, to->ids + at, (to->count - at) * sizeof *to->ids);
    to->ids[at] = id;
    to->count++;
}

void tw_affixes_clear(tw_affixes *affixes)
{
    free(affixes->before.ids);
    free(affixes->after.ids);
    *affixes = (tw_affixes){0};
}

static int put(tw_affixes *affixes, bool before, const json_t *id, size_t vocabulary)
{
    json_int_t value = json_integer_value(id);
    if (!json_is_integer(id) || value < 0 || (uint64_t)value >= vocabulary)
        return tw_fail("expected an id below %zu", vocabulary);
    if (affixes->before.count + affixes->after.count == LONGEST)
        return tw_fail("more than %d special tokens are not supported", LONGEST);
    tw_affixes_put(affixes, before, (int32_t)value);
    return 0;
}

/* cls and sep: each a piece and its id. */
static int read_pair(const json_t *json, size_t vocabulary, tw_affixes *affixes)
{
    const json_t *cls = json_object_get(json, "cls"), *sep = json_object_get(json, "sep");
    if (put(affixes, true, json_array_get(cls, 1), vocabulary) < 0)
        return tw_fail_in("cls");
    if (put(affixes, false, json_array_get(sep, 1), vocabulary) < 0)
        return tw_fail_in("sep");
    return 0;
}

/* The ids of the special token that a template names, outermost first as they are put. */
static int put_named(const json_t *json, const char *name, bool before, size_t vocabulary,
                     tw_affixes *affixes)
{
    const json_t *token = json_object_get(json_object_get(json, "special_tokens"), name);
    const json_t *ids = json_object_get(token, "ids");
    size_t count = json_array_size(ids);
    if (!json_is_array(ids))
        return tw_fail("special_tokens: %s: ids: expected a list", name);
    for (size_t i = 0; i < count; i++)
        if (put(affixes, before, json_array_get(ids, before ? count - 1 - i : i), vocabulary) < 0)
            return tw_fail_in("special_tokens: %s: ids", name);
    return 0;
}

static const char *part_id(const json_t *part, const char *kind)
{
    return json_string_value(json_object_get(json_object_get(part, kind), "id"));
}

static int read_template(const json_t *json, size_t vocabulary, tw_affixes *affixes)
{
    const json_t *single = json_object_get(json, "single"), *part;
    size_t count = json_array_size(single), text = count, i;
    json_array_foreach(single, i, part)
    {
        const char *sequence = part_id(part, "Sequence");
        if (!sequence && !part_id(part, "SpecialToken"))
            return tw_fail("single: [%zu]: expected a SpecialToken or a Sequence", i);
        if (sequence && (strcmp(sequence, "A") != 0 || text < count))
            return tw_fail("single: [%zu]: expected one Sequence, A", i);
        if (sequence)
            text = i;
    }
    if (text == count)
        return tw_fail("single: expected a list with the Sequence A");
    for (i = text; i-- > 0;)
        if (put_named(json, part_id(json_array_get(single, i), "SpecialToken"), true, vocabulary,
                      affixes) < 0)
            return -1;
    for (i = text + 1; i < count; i++)
        if (put_named(json, part_id(json_array_get(single, i), "SpecialToken"), false, vocabulary,
                      affixes) < 0)
            return -1;
    return 0;
}

static int read(const json_t *json, size_t vocabulary, unsigned depth, tw_affixes *affixes);

static int read_sequence(const json_t *json, size_t vocabulary, unsigned depth, tw_affixes *affixes)
{
    const json_t *list = json_object_get(json, "processors"), *part;
    size_t i;
    if (!json_is_array(list) || depth == DEPTH)
        return tw_fail("processors: expected a list, at most %d deep", DEPTH);
    json_array_foreach(list, i, part)
    {
        if (read(part, vocabulary, depth + 1, affixes) < 0)
            return tw_fail_in("processors[%zu]", i);
    }
    return 0;
}

static int read(const json_t *json, size_t vocabulary, unsigned depth, tw_affixes *affixes)
{
    if (!json || json_is_null(json) || tw_field_is(json, "ByteLevel"))
        return 0;
    if (tw_field_is(json, "TemplateProcessing"))
        return read_template(json, vocabulary, affixes);
    if (tw_field_is(json, "RobertaProcessing") || tw_field_is(json, "BertProcessing"))
        return read_pair(json, vocabulary, affixes);
    if (tw_field_is(json, "Sequence"))
        return read_sequence(json, vocabulary, depth, affixes);
    return tw_fail("type: '%s' is not supported", tw_field_type(json));
}

int tw_post_processor_read(const json_t *json, size_t vocabulary, tw_affixes *affixes)
{
    return read(json, vocabulary, 0, affixes);
}
