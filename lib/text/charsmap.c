#include "text/charsmap.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/error.h"

/* Field numbers of sentencepiece_model.proto. */
enum { NORMALIZER_SPEC = 3, DENORMALIZER_SPEC = 5, PRECOMPILED_CHARSMAP = 2 };

typedef struct span {
    const uint8_t *at, *end;
} span;

typedef struct proto_field {
    uint64_t number;
    span content; /* empty unless length-delimited */
} proto_field;

static int malformed(void)
{
    return tw_fail("not a valid SentencePiece model (malformed protocol buffer)");
}

static bool read_varint(span *from, uint64_t *value)
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

static bool skip(span *from, uint64_t count)
{
    if (count > (uint64_t)(from->end - from->at))
        return false;
    from->at += count;
    return true;
}

/* The field at from->at, which then stands behind it. */
static bool read_field(span *from, proto_field *field)
{
    enum { VARINT, FIXED64, DELIMITED, FIXED32 = 5 };
    uint64_t key, length;
    if (!read_varint(from, &key))
        return false;
    field->number = key >> 3;
    field->content = (span){from->at, from->at};
    switch (key & 7) {
    case VARINT:
        return read_varint(from, &length);
    case FIXED64:
        return skip(from, 8);
    case FIXED32:
        return skip(from, 4);
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

static bool unit_is_sound(const uint8_t *units, size_t count, size_t i, size_t replacements)
{
    uint32_t unit = tw_charsmap_unit(units, i);
    if (i > 0 && unit >> 31)
        return true;
    size_t base = i ^ tw_charsmap_offset(unit);
    if ((base | 0xFF) >= count)
        return false;
    bool has_leaf = unit >> 8 & 1;
    return !has_leaf || (tw_charsmap_unit(units, base) & 0x7FFFFFFF) < replacements;
}

const char *tw_charsmap_fault(const char *bytes, size_t size)
{
    const span map = {(const uint8_t *)bytes, (const uint8_t *)bytes + size};
    if (size == 0)
        return NULL;
    size_t trie = size < 4 ? size : tw_charsmap_unit(map.at, 0);
    if (size < 4 || trie > size - 4 || trie % 4 != 0 || trie == 0)
        return "precompiled_charsmap has a wrong size";
    const uint8_t *units = map.at + 4;
    size_t replacements = size - 4 - trie;
    bool sound = replacements == 0 || map.end[-1] == '\0';
    for (size_t i = 0; sound && i < trie / 4; i++)
        sound = unit_is_sound(units, trie / 4, i, replacements);
    return sound ? NULL : "precompiled_charsmap points outside itself";
}

static int check_charsmap(span map)
{
    const char *fault = tw_charsmap_fault((const char *)map.at, (size_t)(map.end - map.at));
    return fault ? tw_fail("not a valid SentencePiece model (%s)", fault) : 0;
}

static int check_normalizer(span spec)
{
    while (spec.at < spec.end) {
        proto_field field;
        if (!read_field(&spec, &field))
            return malformed();
        if (field.number == PRECOMPILED_CHARSMAP && check_charsmap(field.content) < 0)
            return -1;
    }
    return 0;
}

int tw_charsmap_check(const char *model, size_t size)
{
    span all = {(const uint8_t *)model, (const uint8_t *)model + size};
    while (all.at < all.end) {
        proto_field field;
        if (!read_field(&all, &field))
            return malformed();
        bool normalizer = field.number == NORMALIZER_SPEC || field.number == DENORMALIZER_SPEC;
        if (normalizer && check_normalizer(field.content) < 0)
            return -1;
    }
    return 0;
}
