#include "text/character-steps.h"

#include <stdbool.h>
#include <stdint.h>
#include <utf8proc.h>

#include "text/utf8.h"

/* Writes what becomes of a character into to[2]; returns how many. */
typedef size_t change(utf8proc_int32_t character, utf8proc_int32_t to[2]);

static void put_changed(change *step, const char *text, size_t length, tw_bytes *to)
{
    for (size_t i = 0; i < length;) {
        utf8proc_int32_t character, made[2];
        utf8proc_ssize_t size = utf8proc_iterate((const utf8proc_uint8_t *)text + i,
                                                 (utf8proc_ssize_t)(length - i), &character);
        if (size <= 0) {
            const size_t broken = tw_utf8_broken(text + i, length - i);
            tw_bytes_put(to, text + i, broken);
            i += broken;
            continue;
        }
        i += (size_t)size;
        const size_t count = step(character, made);
        for (size_t k = 0; k < count; k++) {
            utf8proc_uint8_t bytes[4];
            tw_bytes_put(to, bytes, (size_t)utf8proc_encode_char(made[k], bytes));
        }
    }
}

static size_t lowercase(utf8proc_int32_t character, utf8proc_int32_t to[2])
{
    if (character == 0x130) { /* the one whose small letter is two characters */
        to[0] = 'i';
        to[1] = 0x307;
        return 2;
    }
    to[0] = utf8proc_tolower(character);
    return 1;
}

static size_t strip_accents(utf8proc_int32_t character, utf8proc_int32_t to[2])
{
    const utf8proc_category_t category = utf8proc_category(character);
    to[0] = character;
    return category != UTF8PROC_CATEGORY_MN && category != UTF8PROC_CATEGORY_MC &&
           category != UTF8PROC_CATEGORY_ME;
}

static size_t nmt(utf8proc_int32_t c, utf8proc_int32_t to[2])
{
    const bool control = (c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) ||
                         c == 0x7F || c == 0x8F || c == 0x9F;
    const bool blank = c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 ||
                       (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
                       c == 0xFEFF || c == 0xFFFD;
    to[0] = blank ? ' ' : c;
    return !control;
}

void tw_lowercase_put(const char *text, size_t length, tw_bytes *to)
{
    put_changed(lowercase, text, length, to);
}

void tw_strip_accents_put(const char *text, size_t length, tw_bytes *to)
{
    put_changed(strip_accents, text, length, to);
}

void tw_nmt_put(const char *text, size_t length, tw_bytes *to)
{
    put_changed(nmt, text, length, to);
}
