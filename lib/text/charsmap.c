#include "text/charsmap.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/error.h"
#include "text/proto.h"

/* Field numbers of sentencepiece_model.proto. */
enum { NORMALIZER_SPEC = 3, DENORMALIZER_SPEC = 5, PRECOMPILED_CHARSMAP = 2 };

static int malformed(void)
{
    return tw_fail("not a valid SentencePiece model (malformed protocol buffer)");
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

/* Real tables have replacements of up to some 30 bytes; no file makes a text much longer. */
static bool has_long_replacement(const uint8_t *at, const uint8_t *end)
{
    enum { LONGEST = 256 };
    while (at < end) {
        const uint8_t *stop = memchr(at, '\0', (size_t)(end - at));
        if ((stop ? stop : end) - at > LONGEST)
            return true;
        at = stop ? stop + 1 : end;
    }
    return false;
}

const char *tw_charsmap_fault(const char *bytes, size_t size)
{
    const tw_proto map = {(const uint8_t *)bytes, (const uint8_t *)bytes + size};
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
    if (!sound)
        return "precompiled_charsmap points outside itself";
    return has_long_replacement(units + trie, map.end)
               ? "precompiled_charsmap has a replacement of more than 256 bytes"
               : NULL;
}

static int check_charsmap(tw_proto map)
{
    const char *fault = tw_charsmap_fault((const char *)map.at, (size_t)(map.end - map.at));
    return fault ? tw_fail("not a valid SentencePiece model (%s)", fault) : 0;
}

static int check_normalizer(tw_proto spec)
{
    while (spec.at < spec.end) {
        tw_proto_field field;
        if (!tw_proto_next(&spec, &field))
            return malformed();
        if (field.number == PRECOMPILED_CHARSMAP && check_charsmap(field.content) < 0)
            return -1;
    }
    return 0;
}

int tw_charsmap_check(const char *model, size_t size)
{
    tw_proto all = {(const uint8_t *)model, (const uint8_t *)model + size};
    while (all.at < all.end) {
        tw_proto_field field;
        if (!tw_proto_next(&all, &field))
            return malformed();
        bool normalizer = field.number == NORMALIZER_SPEC || field.number == DENORMALIZER_SPEC;
        if (normalizer && check_normalizer(field.content) < 0)
            return -1;
    }
    return 0;
}
