#ifndef TW_CORE_OPTION_TEXT_H
#define TW_CORE_OPTION_TEXT_H

#include "core/option.h"

/* Between the parser of options and what is said about them; not for others. */

/* By name (length bytes) when name is given, else by letter. */
bool tw_option_matches(const tw_option *option, const char *name, size_t length, char letter);

bool tw_option_in_range(const tw_option *option, double number);

/* What a value must be: "an integer of at least 1", "one of a, b"; the caller frees. */
char *tw_option_expectation(const tw_option *option);

/* The value as it stands, as one could type it; NULL when unset. The caller frees. */
char *tw_option_value(const tw_option *option);

/* ": did you mean --NAME?" or another hint to append to the message that there is no option of
 * this name: one that is spelled much the same, or that other tools call so. "" if there is none.
 * The caller frees. */
char *tw_option_advice(const tw_usage *usage, const char *name, size_t length);

/* The OPTIONS section of the man page, in roff. */
void tw_print_man_options(const tw_usage *usage, FILE *to);

#endif
