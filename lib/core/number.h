#ifndef TW_CORE_NUMBER_H
#define TW_CORE_NUMBER_H

#include <stdint.h>

/* Numbers as text, exactly, whatever the locale. */

enum { TW_NUMBER_SIZE = 32 };

/* The fewest digits that read back as the same double: 0.1, 1, 1e+100. value is
 * finite. Returns the length (a NUL follows). */
int tw_number_text(double value, char text[TW_NUMBER_SIZE]);

/* The longest decimal number at the start of [text, end). Returns its end; NULL
 * (and value is undefined) when there is none, or it over- or underflows. */
const char *tw_scan_real(const char *text, const char *end, double *value);

/* The whole of text as a decimal integer or a finite decimal real: no blanks, no
 * hexadecimal, no inf or nan, no overflow. Returns 0, or -1 with the message
 * `'12x' is not an integer` and the like. */
int tw_parse_int(const char *text, int64_t *value);
int tw_parse_real(const char *text, double *value);

#endif
