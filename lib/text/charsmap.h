#ifndef TW_TEXT_CHARSMAP_H
#define TW_TEXT_CHARSMAP_H

#include <stddef.h>
#include <stdint.h>

/* libsentencepiece follows the normalisation tables of a model file without looking
 * whether they point into it. This looks, before the file is handed over: the
 * protocol buffer's outer structure (sentencepiece_model.proto), and in its two
 * normalizer_specs the precompiled_charsmap: a double array trie (darts-clone)
 * whose leaves are offsets into NUL-terminated replacements. Returns -1 with a
 * message that does not name the file. */
int tw_charsmap_check(const char *model, size_t size);

/* A table by itself, bytes[size]: 4 bytes of the trie's size, its units, the replacements. NULL
 * when it is sound (an empty one is), else what is wrong: a sentence that names the table. */
const char *tw_charsmap_fault(const char *bytes, size_t size);

/* A unit of the trie holds, from bit 0: label (8 bits), whether a leaf is among its children,
 * whether the offset is in 256s, the offset (22 bits). Children are at
 * (index ^ offset) ^ label, the leaf at index ^ offset. Leaves hold a value and
 * have bit 31 set, which no label has; the root's label is never looked at. */
static inline uint32_t tw_charsmap_unit(const uint8_t *units, size_t i)
{
    const uint8_t *bytes = units + 4 * i;
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static inline size_t tw_charsmap_offset(uint32_t unit)
{
    return (size_t)(unit >> 10) << (unit >> 9 & 1 ? 8 : 0);
}

#endif
