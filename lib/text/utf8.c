#include "text/utf8.h"

#include <stdint.h>

#include "text/list.h"

/* Bytes of the sequence that `lead` begins, 0 if it begins none, and the range
 * of the second byte, which is where overlong forms and surrogates show. */
static size_t sequence(uint8_t lead, uint8_t *low, uint8_t *high)
{
    *low = 0x80;
    *high = 0xBF;
    if (lead < 0x80)
        return 1;
    if (lead < 0xC2 || lead > 0xF4)
        return 0;
    if (lead == 0xE0)
        *low = 0xA0;
    if (lead == 0xED)
        *high = 0x9F;
    if (lead == 0xF0)
        *low = 0x90;
    if (lead == 0xF4)
        *high = 0x8F;
    return lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

/* Bytes from `bytes` on that belong to one character, or begin one; *whole: all of it. */
static size_t character(const uint8_t *bytes, size_t length, bool *whole)
{
    uint8_t low, high;
    size_t size = sequence(bytes[0], &low, &high), k = 1;
    for (; k < size && k < length && bytes[k] >= low && bytes[k] <= high; k++) {
        low = 0x80;
        high = 0xBF;
    }
    *whole = k == size;
    return k;
}

size_t tw_utf8_run(const char *text, size_t length)
{
    size_t i = 0;
    bool whole = true;
    while (i < length) {
        size_t size = character((const uint8_t *)text + i, length - i, &whole);
        if (!whole)
            break;
        i += size;
    }
    return i;
}

bool tw_utf8_valid(const char *text, size_t length)
{
    return tw_utf8_run(text, length) == length;
}

size_t tw_utf8_broken(const char *text, size_t length)
{
    bool whole;
    return character((const uint8_t *)text, length, &whole);
}

char *tw_utf8_repair(const char *text, size_t length, size_t *clean)
{
    tw_bytes repaired = {0};
    for (size_t i = 0; i < length;) {
        size_t run = tw_utf8_run(text + i, length - i);
        tw_bytes_put(&repaired, text + i, run);
        i += run;
        if (i == length)
            break;
        tw_bytes_put(&repaired, "\xEF\xBF\xBD", 3);
        i += tw_utf8_broken(text + i, length - i);
    }
    *clean = repaired.length;
    return tw_bytes_take(&repaired);
}
