#ifndef TW_TEXT_CHARACTER_STEPS_H
#define TW_TEXT_CHARACTER_STEPS_H

#include <stddef.h>

#include "text/list.h"

/* Normalizers that look at one character at a time. Each appends text[length] as it changes
 * it; bytes that are not UTF-8 stay. */
typedef void tw_character_step(const char *text, size_t length, tw_bytes *to);

tw_character_step tw_lowercase_put;     /* "Lowercase" */
tw_character_step tw_strip_accents_put; /* "StripAccents": leaves marks out */
tw_character_step tw_nmt_put;           /* "Nmt": controls are left out, odd blanks are blanks */

#endif
