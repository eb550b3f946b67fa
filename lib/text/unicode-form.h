#ifndef TW_TEXT_UNICODE_FORM_H
#define TW_TEXT_UNICODE_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "text/list.h"

/* Unicode's normalization forms (UAX #15), by utf8proc's tables. */
typedef enum tw_unicode_form { TW_NFC, TW_NFD, TW_NFKC, TW_NFKD } tw_unicode_form;

/* Appends text[length], which must be UTF-8, in the form. Time length log length, whatever
 * marks stand in a row (utf8proc_map itself sorts them in quadratic time). */
void tw_unicode_form_put(tw_unicode_form form, const char *text, size_t length, tw_bytes *to);

/* The lead of text[length] in the form (text/lead.h), where that of the text is text[lead]. */
size_t tw_unicode_form_lead(tw_unicode_form form, const char *text, size_t length, size_t lead);

#endif
