#ifndef TW_TEXT_BLANK_H
#define TW_TEXT_BLANK_H

#include <stddef.h>

/* Blanks: Unicode's White_Space, in UTF-8. */

/* Where the blanks begin that text[from .. end) ends with: end when it ends with none. */
size_t tw_blanks_before(const char *text, size_t from, size_t end);

/* Where the blanks end that text[from .. length) begins with. */
size_t tw_blanks_behind(const char *text, size_t from, size_t length);

#endif
