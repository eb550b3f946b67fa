#ifndef TW_METRIC_UNICODE_H
#define TW_METRIC_UNICODE_H

#include <stddef.h>
#include <stdint.h>

/* What the metrics need to know of characters. */

enum { TW_UTF8_MAX = 4, TW_BAD_CHARACTER = 0xFFFD };

/* The character at *at (before end), which then stands behind it. A byte that
 * does not begin valid UTF-8 is consumed alone and yields TW_BAD_CHARACTER. */
uint32_t tw_utf8_next(const char **at, const char *end);

/* Writes a character as UTF-8; returns the bytes written, at most TW_UTF8_MAX. */
size_t tw_utf8_put(char *to, uint32_t character);

/* Unicode simple lower case, whatever the locale (utf8proc's tables). Two characters that Unicode
 * lowers in a longer or contextual way are left to the caller: U+0130 and the final sigma. */
uint32_t tw_lower(uint32_t character);

typedef enum tw_kind { TW_SPACE, TW_WORD, TW_MARK } tw_kind;

/* The kinds of METEOR's tokenizer (words.h):
 * - space: U+0009-000D, U+001C-0020, U+0085, U+00A0, U+1680, U+2000-200A, U+2028,
 *   U+2029, U+202F, U+205F, U+3000;
 * - mark: every other ASCII character that is no letter or digit, U+0080-00BF
 *   without U+00AA, U+00B5 and U+00BA, U+00D7, U+00F7, U+2010-2027, U+2030-205E,
 *   U+20A0-20CF, U+2190-2BFF, U+2E00-2E7F, U+3001-303F, U+FE30-FE6F, U+FF01-FF0F,
 *   U+FF1A-FF20, U+FF3B-FF40, U+FF5B-FF65, U+FFFD;
 * - word: all others. */
tw_kind tw_kind_of(uint32_t character);

#endif
