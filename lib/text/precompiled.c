#include "text/precompiled.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "core/error.h"
#include "core/memory.h"
#include "text/charsmap.h"
#include "text/lead.h"
#include "text/utf8.h"

/* The longest cluster that is looked up whole, bytes. */
enum { CLUSTER = 5 };

struct tw_precompiled {
    tw_bytes map;
    const uint8_t *units; /* NULL: the table is empty */
    const char *replacements;
    bool ascii[128]; /* whether it replaces the character */
};

static int digit_of(char character)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = character ? strchr(digits, character) : NULL;
    return at ? (int)(at - digits) : -1;
}

static int read_base64(const char *text, tw_bytes *bytes)
{
    uint32_t bits = 0;
    size_t length = strlen(text), count = 0;
    while (length > 0 && text[length - 1] == '=')
        length--;
    for (size_t i = 0; i < length; i++) {
        int digit = digit_of(text[i]);
        if (digit < 0)
            return -1;
        bits = bits << 6 | (uint32_t)digit;
        if (++count % 4 == 1)
            continue;
        char byte = (char)(bits >> (6 - 2 * ((count - 1) % 4)));
        tw_bytes_put(bytes, &byte, 1);
    }
    return count % 4 == 1 ? -1 : 0;
}

/* The replacement of what text[length] begins with, NULL if there is none. It is that of the
 * shortest entry, as `tokenizers` takes it. */
static const char *find(const tw_precompiled *table, const char *text, size_t length)
{
    size_t at = tw_charsmap_offset(tw_charsmap_unit(table->units, 0));
    for (size_t i = 0; i < length && text[i]; i++) {
        const uint8_t byte = (uint8_t)text[i];
        at ^= byte;
        const uint32_t unit = tw_charsmap_unit(table->units, at);
        if ((unit & 0x800000FF) != byte)
            return NULL;
        at ^= tw_charsmap_offset(unit);
        if (unit >> 8 & 1)
            return table->replacements + (tw_charsmap_unit(table->units, at) & 0x7FFFFFFF);
    }
    return NULL;
}

static int read_map(tw_precompiled *table, const char *base64)
{
    if (read_base64(base64, &table->map) < 0)
        return tw_fail("precompiled_charsmap: expected base64");
    const char *map = table->map.data, *fault = tw_charsmap_fault(map, table->map.length);
    if (fault)
        return tw_fail("%s", fault);
    if (table->map.length == 0)
        return 0;
    table->units = (const uint8_t *)map + 4;
    table->replacements = map + 4 + tw_charsmap_unit((const uint8_t *)map, 0);
    size_t size = (size_t)(map + table->map.length - table->replacements);
    if (size == 0 || !tw_utf8_valid(table->replacements, size))
        return tw_fail("precompiled_charsmap: its replacements are not UTF-8");
    for (int character = 1; character < 128; character++)
        table->ascii[character] = find(table, &(char){(char)character}, 1);
    return 0;
}

tw_precompiled *tw_precompiled_new(const char *base64)
{
    tw_precompiled *table = tw_alloc(1, sizeof *table);
    if (read_map(table, base64) == 0)
        return table;
    tw_precompiled_free(table);
    return NULL;
}

void tw_precompiled_free(tw_precompiled *table)
{
    if (!table)
        return;
    free(table->map.data);
    free(table);
}

static size_t characters_in(const char *text, size_t length)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i += tw_utf8_broken(text + i, length - i))
        count++;
    return count;
}

/* `with` for text[length]: one for one, and the last of the two for what the other has more. */
static void count(tw_lead *lead, const char *text, size_t length, const char *with)
{
    const size_t size = strlen(with);
    size_t covered = characters_in(text, length);
    for (size_t i = 0, step; i < size; i += step) {
        step = tw_utf8_broken(with + i, size - i);
        tw_lead_put(lead, step, covered > 0);
        covered -= covered > 0;
    }
    tw_lead_cover(lead, covered);
}

/* A replacement that begins amid a character is none. */
static bool replace(const tw_precompiled *table, const char *text, size_t length, tw_lead *lead,
                    tw_bytes *to)
{
    const char *with = find(table, text, length);
    if (!with || ((unsigned char)*with & 0xC0) == 0x80)
        return false;
    tw_bytes_put(to, with, strlen(with));
    if (tw_lead_open(lead))
        count(lead, text, length, with);
    return true;
}

static void put_cluster(const tw_precompiled *table, const char *text, size_t length, tw_lead *lead,
                        tw_bytes *to)
{
    if (length <= CLUSTER && replace(table, text, length, lead, to))
        return;
    for (size_t i = 0, size; i < length; i += size) {
        size = tw_utf8_broken(text + i, length - i);
        if (replace(table, text + i, size, lead, to))
            continue;
        tw_bytes_put(to, text + i, size);
        tw_lead_put(lead, size, 1);
    }
}

/* ASCII characters between such are clusters by themselves, but for a line's end. */
static size_t plain_run(const tw_precompiled *table, const char *text, size_t length)
{
    size_t i = 0;
    while (i < length && (unsigned char)text[i] < 0x80 && text[i] != '\r' &&
           !table->ascii[(unsigned char)text[i]] &&
           (i + 1 == length || (unsigned char)text[i + 1] < 0x80))
        i++;
    return i;
}

static size_t cluster_at(const char *text, size_t length)
{
    utf8proc_int32_t last, next, state = 0;
    utf8proc_ssize_t size =
        utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)length, &last);
    size_t end = size > 0 ? (size_t)size : 1;
    for (; end < length; last = next) {
        size = utf8proc_iterate((const utf8proc_uint8_t *)text + end,
                                (utf8proc_ssize_t)(length - end), &next);
        if (size <= 0 || utf8proc_grapheme_break_stateful(last, next, &state))
            break;
        end += (size_t)size;
    }
    return end;
}

size_t tw_precompiled_put(const tw_precompiled *table, const char *text, size_t length, size_t lead,
                          tw_bytes *to)
{
    if (!table->units) {
        tw_bytes_put(to, text, length);
        return lead;
    }
    tw_lead counted = tw_lead_begin(text, lead);
    for (size_t i = 0; i < length;) {
        const size_t run = tw_lead_open(&counted) ? 0 : plain_run(table, text + i, length - i);
        tw_bytes_put(to, text + i, run);
        i += run;
        const size_t cluster = i < length ? cluster_at(text + i, length - i) : 0;
        put_cluster(table, text + i, cluster, &counted, to);
        i += cluster;
    }
    return tw_lead_end(&counted);
}
