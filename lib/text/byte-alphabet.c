#include "text/byte-alphabet.h"

#include <stdint.h>

/* Of the bytes that do not stand for themselves, 0x00-0x20 come first, then 0x7F-0xA0,
 * then 0xAD. */
enum { LOW = 0x21, MIDDLE = 0x7F, MIDDLE_END = 0xA1, SOFT_HYPHEN = 0xAD, FIRST = 0x100 };
enum { MIDDLES = MIDDLE_END - MIDDLE, MOVED = LOW + MIDDLES + 1 };

static uint32_t spelled(unsigned char byte)
{
    if (byte < LOW)
        return FIRST + byte;
    if (byte >= MIDDLE && byte < MIDDLE_END)
        return FIRST + LOW + (byte - MIDDLE);
    if (byte == SOFT_HYPHEN)
        return FIRST + MOVED - 1;
    return byte;
}

/* The byte that a character spells, -1 for none. */
static int meant(uint32_t character)
{
    if (character >= FIRST + MOVED)
        return -1;
    if (character == FIRST + MOVED - 1)
        return SOFT_HYPHEN;
    if (character >= FIRST + LOW)
        return (int)(character - FIRST - LOW + MIDDLE);
    if (character >= FIRST)
        return (int)(character - FIRST);
    return spelled((unsigned char)character) == character ? (int)character : -1;
}

size_t tw_byte_alphabet_write(unsigned char byte, char to[2])
{
    uint32_t character = spelled(byte);
    if (character < 0x80) {
        to[0] = (char)character;
        return 1;
    }
    to[0] = (char)(0xC0 | character >> 6);
    to[1] = (char)(0x80 | (character & 0x3F));
    return 2;
}

bool tw_byte_alphabet_read(const char *piece, tw_bytes *bytes)
{
    size_t before = bytes->length;
    for (const unsigned char *at = (const unsigned char *)piece; *at; at++) {
        uint32_t character = *at;
        if (character >= 0xC0 && character < 0xE0 && at[1]) {
            character = (character & 0x1F) << 6 | (at[1] & 0x3F);
            at++;
        } else if (character >= 0x80) {
            bytes->length = before;
            return false;
        }
        int byte = meant(character);
        if (byte < 0) {
            bytes->length = before;
            return false;
        }
        tw_bytes_put(bytes, &(char){(char)byte}, 1);
    }
    return true;
}
