#ifndef TW_TEXT_PATTERN_DIALECT_H
#define TW_TEXT_PATTERN_DIALECT_H

#include <stdbool.h>

#include "text/list.h"

/* Which of Oniguruma's expressions PCRE2 can match, which is several times quicker. Puts into *to
 * one that PCRE2 (UTF, UCP, MULTILINE, newline LF) reads as Oniguruma, in its own syntax, reads
 * `expression`; no NUL is put. False for all that is not known to mean the same in both: what the
 * usual tokenizers use does. */
bool tw_pattern_translate(const char *expression, tw_bytes *to);

#endif
