#include "core/printable.h"

#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

bool tw_is_control(uint32_t character)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x00, 0x1F},       {0x7F, 0x9F},           {0xAD, 0xAD},     {0x061C, 0x061C},
        {0x180E, 0x180E},   {0x200B, 0x200B},       {0x200E, 0x200F}, {0x2028, 0x202E},
        {0x2060, 0x206F},   {0xD800, 0xDFFF},       {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB},
        {0xE0000, 0xE0FFF}, {0x110000, UINT32_MAX},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (character <= ranges[i].last)
            return character >= ranges[i].first;
    return false;
}

enum { ESCAPE = 16 };

static size_t escape(uint32_t character, char text[ESCAPE])
{
    if (character == '\n')
        return (size_t)snprintf(text, ESCAPE, "\\n");
    if (character == '\t')
        return (size_t)snprintf(text, ESCAPE, "\\t");
    if (character == '\r')
        return (size_t)snprintf(text, ESCAPE, "\\r");
    if (character < 0x80)
        return (size_t)snprintf(text, ESCAPE, "\\x%02x", (unsigned)character);
    return (size_t)snprintf(text, ESCAPE, character < 0x10000 ? "\\u%04x" : "\\U%08x",
                            (unsigned)character);
}

/* The first character of text[left > 0], or an escape in its place: *piece, its length returned.
 * *taken: bytes of the text that it stands for. */
static size_t next_piece(const char *text, size_t left, char escaped[ESCAPE], const char **piece,
                         size_t *taken)
{
    utf8proc_int32_t character = -1;
    const utf8proc_ssize_t size =
        utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)left, &character);
    *taken = size > 0 ? (size_t)size : 1;
    *piece = escaped;
    if (size <= 0)
        return (size_t)snprintf(escaped, ESCAPE, "\\x%02x", (unsigned char)*text);
    if (tw_is_control((uint32_t)character))
        return escape((uint32_t)character, escaped);
    *piece = text;
    return *taken;
}

size_t tw_printable(const char *text, char *to, size_t size)
{
    size_t used = 0, left = strlen(text), taken = 0;
    for (; left > 0; text += taken, left -= taken) {
        char escaped[ESCAPE];
        const char *piece = NULL;
        const size_t length = next_piece(text, left, escaped, &piece, &taken);
        if (length >= size - used)
            break;
        memcpy(to + used, piece, length);
        used += length;
    }
    to[used] = '\0';
    return used;
}
