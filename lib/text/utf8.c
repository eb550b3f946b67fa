#include "text/utf8.h"

#include <stdint.h>

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

bool tw_utf8_valid(const char *text, size_t length)
{
    const uint8_t *bytes = (const uint8_t *)text;
    for (size_t i = 0; i < length;) {
        uint8_t low, high;
        size_t size = sequence(bytes[i], &low, &high);
        if (size == 0 || size > length - i)
            return false;
        for (size_t k = 1; k < size; k++) {
            if (bytes[i + k] < low || bytes[i + k] > high)
                return false;
            low = 0x80;
            high = 0xBF;
        }
        i += size;
    }
    return true;
}
