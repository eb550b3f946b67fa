#include "text/unicode-form.h"

#include <stdint.h>
#include <stdlib.h>
#include <utf8proc.h>

#include "core/memory.h"

/* Unicode's promise on the longest decomposition is 18 characters. */
enum { LONGEST = 32 };

typedef struct characters {
    utf8proc_int32_t *all;
    size_t count, capacity;
} characters;

static void decompose(const char *text, size_t length, utf8proc_option_t options, characters *to)
{
    for (size_t i = 0; i < length;) {
        utf8proc_int32_t character;
        utf8proc_ssize_t size = utf8proc_iterate((const utf8proc_uint8_t *)text + i,
                                                 (utf8proc_ssize_t)(length - i), &character);
        if (size <= 0)
            return; /* not UTF-8 */
        i += (size_t)size;
        /* One more for the NUL that reencoding appends. */
        if (to->capacity - to->count < LONGEST + 1) {
            to->capacity = 2 * to->capacity + 64;
            to->all = tw_realloc(to->all, to->capacity, sizeof *to->all);
        }
        int boundary = 0;
        utf8proc_ssize_t count =
            utf8proc_decompose_char(character, to->all + to->count, LONGEST, options, &boundary);
        if (count > 0 && count <= LONGEST)
            to->count += (size_t)count;
    }
}

static int class_of(utf8proc_int32_t character)
{
    return utf8proc_get_property(character)->combining_class;
}

static int compare(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

/* A stable sort by class: class (8 bits), place (35), character (21). */
static void sort(utf8proc_int32_t *marks, size_t count)
{
    uint64_t *keys = tw_alloc(count, sizeof *keys);
    for (size_t i = 0; i < count; i++)
        keys[i] = (uint64_t)class_of(marks[i]) << 56 | (uint64_t)i << 21 | (uint32_t)marks[i];
    qsort(keys, count, sizeof *keys, compare);
    for (size_t i = 0; i < count; i++)
        marks[i] = (utf8proc_int32_t)(keys[i] & 0x1FFFFF);
    free(keys);
}

/* The canonical ordering: marks in a row by their class. */
static void order(const characters *text)
{
    for (size_t i = 0, end; i < text->count; i = end) {
        int last = class_of(text->all[i]);
        bool ordered = true;
        end = i + 1;
        if (last == 0)
            continue;
        for (int class; end < text->count && (class = class_of(text->all[end])) != 0; end++) {
            ordered = ordered && class >= last;
            last = class;
        }
        if (!ordered)
            sort(text->all + i, end - i);
    }
}

void tw_unicode_form_put(tw_unicode_form form, const char *text, size_t length, tw_bytes *to)
{
    bool compatible = form == TW_NFKC || form == TW_NFKD;
    bool composed = form == TW_NFC || form == TW_NFKC;
    characters all = {NULL, 0, 0};
    utf8proc_option_t stable = UTF8PROC_STABLE | (compatible ? UTF8PROC_COMPAT : 0);
    decompose(text, length, stable | UTF8PROC_DECOMPOSE, &all);
    if (all.count > 0) {
        order(&all);
        utf8proc_ssize_t size = utf8proc_reencode(all.all, (utf8proc_ssize_t)all.count,
                                                  stable | (composed ? UTF8PROC_COMPOSE : 0));
        if (size > 0)
            tw_bytes_put(to, all.all, (size_t)size);
    }
    free(all.all);
}
