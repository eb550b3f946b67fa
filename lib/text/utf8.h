#ifndef TW_TEXT_UTF8_H
#define TW_TEXT_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Whether text[length] is UTF-8 (RFC 3629: no surrogates, nothing overlong or
 * beyond U+10FFFF). */
bool tw_utf8_valid(const char *text, size_t length);

#endif
