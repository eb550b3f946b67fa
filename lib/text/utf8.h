#ifndef TW_TEXT_UTF8_H
#define TW_TEXT_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Whether text[length] is UTF-8 (RFC 3629: no surrogates, nothing overlong or
 * beyond U+10FFFF). */
bool tw_utf8_valid(const char *text, size_t length);

/* Bytes of text[length], up to all of them, that are UTF-8 before one that is not. */
size_t tw_utf8_run(const char *text, size_t length);

/* Bytes of text[length > 0] up to the next that may begin a character: what one U+FFFD stands
 * for where text is not UTF-8 (Unicode 15, 3.9: substitution of maximal subparts). */
size_t tw_utf8_broken(const char *text, size_t length);

/* text[length] with U+FFFD for all that is not UTF-8; the caller frees. *clean: its length. */
char *tw_utf8_repair(const char *text, size_t length, size_t *clean);

#endif
