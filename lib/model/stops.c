#include "model/stops.h"

#include "core/error.h"

bool tw_stops_has(const tw_stops *stops, int32_t id)
{
    for (size_t i = 0; i < stops->count; i++)
        if (stops->ids[i] == id)
            return true;
    return false;
}

int tw_stops_add(tw_stops *stops, int32_t id)
{
    if (id < 0 || tw_stops_has(stops, id))
        return 0;
    if (stops->count == TW_MAX_STOPS)
        return tw_fail("eos_token_id: more than %d ids", TW_MAX_STOPS);
    stops->ids[stops->count++] = id;
    return 0;
}

static int add_json(tw_stops *stops, const json_t *id, size_t vocab_size)
{
    if (!json_is_integer(id))
        return tw_fail("eos_token_id: expected an id or a list of ids");
    json_int_t number = json_integer_value(id);
    bool occurs = number >= 0 && (uint64_t)number < vocab_size;
    return occurs ? tw_stops_add(stops, (int32_t)number) : 0;
}

int tw_stops_read(tw_stops *stops, const json_t *field, size_t vocab_size)
{
    if (!field || json_is_null(field))
        return 0;
    if (!json_is_array(field))
        return add_json(stops, field, vocab_size);
    for (size_t i = 0; i < json_array_size(field); i++)
        if (add_json(stops, json_array_get(field, i), vocab_size) < 0)
            return -1;
    return 0;
}

json_t *tw_stops_json(const tw_stops *stops, int32_t first)
{
    if (stops->count <= 1)
        return first >= 0 ? json_integer(first) : NULL;
    json_t *list = json_array();
    json_array_append_new(list, json_integer(first));
    for (size_t i = 0; i < stops->count; i++)
        if (stops->ids[i] != first)
            json_array_append_new(list, json_integer(stops->ids[i]));
    return list;
}
