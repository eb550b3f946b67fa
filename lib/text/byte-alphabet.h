#ifndef TW_TEXT_BYTE_ALPHABET_H
#define TW_TEXT_BYTE_ALPHABET_H

#include <stdbool.h>
#include <stddef.h>

#include "text/list.h"

/* The 256 characters in which byte-level vocabularies spell bytes (bytes_to_unicode of
 * GPT-2): the printable ones of Latin-1 for themselves, U+0100 and on for the rest in
 * their order. */

/* Appends the bytes that piece, UTF-8, spells. false, and nothing is appended, when one of
 * its characters is not of the alphabet. */
bool tw_byte_alphabet_read(const char *piece, tw_bytes *bytes);

/* The character that spells `byte` as UTF-8; returns its length, 1 or 2. */
size_t tw_byte_alphabet_write(unsigned char byte, char to[2]);

#endif
