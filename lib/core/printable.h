#ifndef TW_CORE_PRINTABLE_H
#define TW_CORE_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Text for people's eyes: names of files and fields, texts of records and models may hold anything,
 * and nothing of it may steer the terminal or pass for another line. */

/* Whether a character acts on what is shown instead of being shown: a control (C0, DEL, C1), what
 * turns the writing round, separators of lines, invisible characters (a byte order mark, blanks of
 * no width; joiners are none, for scripts need them), surrogates, what is beyond Unicode. */
bool tw_is_control(uint32_t character);

/* Copies text to to[size > 0] with an escape for each such character and each byte that is not
 * UTF-8: \n, \t, \r, \x1b, \u202e, \U000e0001. Ends with a NUL; what does not fit is left out at a
 * whole character or escape. Returns the length. */
size_t tw_printable(const char *text, char *to, size_t size);

#endif
