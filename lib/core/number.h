#ifndef TW_CORE_NUMBER_H
#define TW_CORE_NUMBER_H

#include <stdint.h>

/* Numbers as text, exactly. All assume the C locale. */

enum { TW_NUMBER_SIZE = 32 };

/* The fewest of 15, 16 or 17 digits that read back as the same double, as %g
 * prints them: 0.1, 1, 1e+100. value is finite. Returns the length. */
int tw_number_text(double value, char text[TW_NUMBER_SIZE]);

/* The whole of text as a decimal integer or a finite decimal real: no blanks, no
 * hexadecimal, no inf or nan, no overflow. Returns 0, or -1 with the message
 * `'12x' is not an integer` and the like. */
int tw_parse_int(const char *text, int64_t *value);
int tw_parse_real(const char *text, double *value);

#endif
