#include "text/proto.h"

static bool read_varint(tw_proto *from, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64 && from->at < from->end; shift += 7) {
        uint8_t byte = *from->at++;
        *value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

static bool read_fixed(tw_proto *from, unsigned count, uint64_t *value)
{
    *value = 0;
    if (count > (uint64_t)(from->end - from->at))
        return false;
    for (unsigned i = 0; i < count; i++)
        *value |= (uint64_t)*from->at++ << 8 * i;
    return true;
}

static bool skip(tw_proto *from, uint64_t count)
{
    if (count > (uint64_t)(from->end - from->at))
        return false;
    from->at += count;
    return true;
}

bool tw_proto_next(tw_proto *from, tw_proto_field *field)
{
    enum { VARINT, FIXED64, DELIMITED, FIXED32 = 5 };
    uint64_t key, length;
    if (!read_varint(from, &key))
        return false;
    *field = (tw_proto_field){key >> 3, 0, {from->at, from->at}};
    switch (key & 7) {
    case VARINT:
        return read_varint(from, &field->value);
    case FIXED64:
        return read_fixed(from, 8, &field->value);
    case FIXED32:
        return read_fixed(from, 4, &field->value);
    case DELIMITED:
        if (!read_varint(from, &length))
            return false;
        field->content.at = from->at;
        if (!skip(from, length))
            return false;
        field->content.end = from->at;
        return true;
    default:
        return false;
    }
}
