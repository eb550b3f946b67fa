#include "text/blank.h"

#include <string.h>

/* Bytes of one blank (Unicode's White_Space) that text[length] begins with, or 0. */
static size_t blank_at(const char *text, size_t length)
{
    static const char *const blanks[] = {
        " ",      "\t",     "\n",     "\v",     "\f",     "\r",     "\xC2\x85", "\u00A0", "\u1680",
        "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006",   "\u2007", "\u2008",
        "\u2009", "\u200A", "\u2028", "\u2029", "\u202F", "\u205F", "\u3000"};
    for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++) {
        size_t size = strlen(blanks[i]);
        if (size <= length && memcmp(text, blanks[i], size) == 0)
            return size;
    }
    return 0;
}

size_t tw_blanks_before(const char *text, size_t from, size_t end)
{
    while (end > from) {
        size_t size = 1;
        while (size < 3 && size < end - from && (text[end - size] & 0xC0) == 0x80)
            size++;
        if (blank_at(text + end - size, size) != size)
            break;
        end -= size;
    }
    return end;
}

size_t tw_blanks_behind(const char *text, size_t from, size_t length)
{
    for (size_t size; from < length && (size = blank_at(text + from, length - from)) > 0;)
        from += size;
    return from;
}
