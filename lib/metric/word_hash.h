#ifndef TW_METRIC_WORD_HASH_H
#define TW_METRIC_WORD_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Words as numbers, for tables in memory; quick for the few bytes that words have. The same on
 * one machine only: what is kept or keys random numbers wants tw_hash (core/rng.h). */

/* Short words are their keys: two of the same length are equal exactly if their keys are. */
enum { TW_WORD_SHORT = 8 };

/* The bytes of a short word, of a longer one a hash. Loads may overlap, so as not to be of each
 * byte alone. */
static inline uint64_t tw_word_key(const char *word, size_t length)
{
    uint64_t key = 0, eight;
    uint32_t first, last;
    for (; length > TW_WORD_SHORT; word += 8, length -= 8) {
        memcpy(&eight, word, 8);
        key = (key ^ eight) * UINT64_C(0x9E3779B97F4A7C15);
        key ^= key >> 32;
    }
    if (length >= 4) {
        memcpy(&first, word, 4);
        memcpy(&last, word + length - 4, 4);
        key ^= (uint64_t)first << 32 | last;
    } else if (length > 0) {
        const unsigned char *byte = (const unsigned char *)word;
        key ^= (uint64_t)byte[0] << 16 | (uint64_t)byte[length / 2] << 8 | byte[length - 1];
    }
    return key;
}

/* A hash whose every bit is good for an index, of a word's key and its length. */
static inline uint64_t tw_word_hash(uint64_t key, size_t length)
{
    uint64_t hash = (key ^ length) * UINT64_C(0x9E3779B97F4A7C15);
    hash = (hash ^ hash >> 32) * UINT64_C(0xD6E8FEB86659FD93);
    return hash ^ hash >> 32;
}

#endif
