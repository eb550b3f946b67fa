#include "text/list.h"

#include <string.h>

#include "core/memory.h"

static size_t grown(size_t capacity, size_t needed)
{
    size_t twice = capacity ? 2 * capacity : 64;
    return twice < needed ? needed : twice;
}

void tw_bytes_put(tw_bytes *to, const void *bytes, size_t length)
{
    if (length == 0)
        return;
    if (to->capacity - to->length < length) {
        to->capacity = grown(to->capacity, to->length + length);
        to->data = tw_realloc(to->data, to->capacity, 1);
    }
    memcpy(to->data + to->length, bytes, length);
    to->length += length;
}

void tw_ids_put(tw_id_list *to, const int32_t *ids, size_t count)
{
    if (count == 0)
        return;
    if (to->capacity - to->count < count) {
        to->capacity = grown(to->capacity, to->count + count);
        to->data = tw_realloc(to->data, to->capacity, sizeof *to->data);
    }
    memcpy(to->data + to->count, ids, count * sizeof *ids);
    to->count += count;
}

char *tw_bytes_take(tw_bytes *from)
{
    tw_bytes_put(from, "", 1);
    char *data = from->data;
    *from = (tw_bytes){0};
    return data;
}
