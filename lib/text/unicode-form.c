#include "text/unicode-form.h"

#include <stdint.h>
#include <stdlib.h>
#include <utf8proc.h>

#include "core/memory.h"
#include "text/lead.h"

/* Unicode's promise on the longest decomposition is 18 characters. */
enum { LONGEST = 32 };

/* A character, and (for the lead alone) whether it is one more from what the last is of. */
enum { CHARACTER = 0x1FFFFF, MORE = 1 << 21 };

typedef struct characters {
    utf8proc_int32_t *all;
    size_t count, capacity;
} characters;

static utf8proc_option_t options_of(tw_unicode_form form)
{
    return UTF8PROC_STABLE | (form == TW_NFKC || form == TW_NFKD ? UTF8PROC_COMPAT : 0);
}

static bool composes(tw_unicode_form form)
{
    return form == TW_NFC || form == TW_NFKC;
}

/* Appends the first character of text[length], decomposed; returns its bytes, 0 at the end. */
static size_t decompose(const char *text, size_t length, utf8proc_option_t options, characters *to)
{
    utf8proc_int32_t character;
    utf8proc_ssize_t size =
        utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)length, &character);
    if (size <= 0)
        return 0; /* not UTF-8 */
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
    return (size_t)size;
}

static int class_of(utf8proc_int32_t character)
{
    return utf8proc_get_property(character & CHARACTER)->combining_class;
}

static int compare(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

/* A stable sort by class: class (8 bits), place (34), character and MORE (22). */
static void sort(utf8proc_int32_t *marks, size_t count)
{
    enum { BOTH = MORE | CHARACTER };
    uint64_t *keys = tw_alloc(count, sizeof *keys);
    for (size_t i = 0; i < count; i++)
        keys[i] = (uint64_t)class_of(marks[i]) << 56 | (uint64_t)i << 22 | (uint32_t)marks[i];
    qsort(keys, count, sizeof *keys, compare);
    for (size_t i = 0; i < count; i++)
        marks[i] = (utf8proc_int32_t)(keys[i] & BOTH);
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
    characters all = {NULL, 0, 0};
    const utf8proc_option_t stable = options_of(form);
    for (size_t i = 0, size = 1; i < length && size > 0; i += size)
        size = decompose(text + i, length - i, stable | UTF8PROC_DECOMPOSE, &all);
    if (all.count > 0) {
        order(&all);
        utf8proc_ssize_t size = utf8proc_reencode(all.all, (utf8proc_ssize_t)all.count,
                                                  stable | (composes(form) ? UTF8PROC_COMPOSE : 0));
        if (size > 0)
            tw_bytes_put(to, all.all, (size_t)size);
    }
    free(all.all);
}

/* A way through the decomposed text, as far as one has to look. */
typedef struct walk {
    const char *text;
    size_t length, at;
    tw_unicode_form form;
    characters part; /* up to a character that marks do not pass, in order */
    size_t next;
} walk;

static void refill(walk *w)
{
    w->part.count = w->next = 0;
    while (w->at < w->length) {
        const size_t before = w->part.count;
        const size_t size = decompose(w->text + w->at, w->length - w->at,
                                      options_of(w->form) | UTF8PROC_DECOMPOSE, &w->part);
        if (size == 0 || (before > 0 && class_of(w->part.all[before]) == 0)) {
            w->part.count = before;
            break;
        }
        for (size_t i = before + 1; i < w->part.count; i++)
            w->part.all[i] |= MORE;
        w->at += size;
    }
    order(&w->part);
}

/* The next decomposed character, NULL at the end. */
static const utf8proc_int32_t *peek(walk *w)
{
    if (w->next == w->part.count)
        refill(w);
    return w->next < w->part.count ? &w->part.all[w->next] : NULL;
}

/* What the two make together, 0: nothing. */
static utf8proc_int32_t joined(utf8proc_int32_t first, utf8proc_int32_t second)
{
    utf8proc_int32_t pair[3] = {first & CHARACTER, second & CHARACTER};
    return utf8proc_normalize_utf32(pair, 2, UTF8PROC_STABLE | UTF8PROC_COMPOSE) == 1 ? pair[0] : 0;
}

static size_t covers(utf8proc_int32_t character)
{
    return character & MORE ? 0 : 1;
}

static void put(tw_lead *lead, utf8proc_int32_t character, size_t covered)
{
    utf8proc_uint8_t bytes[4];
    tw_lead_put(lead, (size_t)utf8proc_encode_char(character & CHARACTER, bytes), covered);
}

static void push(characters *to, utf8proc_int32_t character)
{
    if (to->count == to->capacity) {
        to->capacity = 2 * to->capacity + 8;
        to->all = tw_realloc(to->all, to->capacity, sizeof *to->all);
    }
    to->all[to->count++] = character;
}

/* Counts the next character and the marks on it, with what of them it composes with. marks:
 * room for the others. */
static void count_next(walk *w, characters *marks, tw_lead *lead)
{
    utf8proc_int32_t base = *peek(w);
    size_t covered = covers(base);
    const utf8proc_int32_t *c = NULL;
    int last = -1;
    marks->count = 0;
    w->next++;
    while (composes(w->form) && class_of(base) == 0 && (c = peek(w))) {
        const int class = class_of(*c);
        const utf8proc_int32_t both = last < class ? joined(base, *c) : 0;
        if (!both && class == 0)
            break;
        if (both) {
            base = both;
            covered += covers(*c);
        } else {
            push(marks, *c);
            last = class;
        }
        w->next++;
    }
    put(lead, base, covered);
    for (size_t i = 0; i < marks->count; i++)
        put(lead, marks->all[i], covers(marks->all[i]));
}

size_t tw_unicode_form_lead(tw_unicode_form form, const char *text, size_t length, size_t lead)
{
    walk w = {.text = text, .length = length, .form = form};
    characters marks = {NULL, 0, 0};
    tw_lead counted = tw_lead_begin(text, lead);
    while (lead > 0 && tw_lead_open(&counted) && peek(&w))
        count_next(&w, &marks, &counted);
    free(w.part.all);
    free(marks.all);
    return tw_lead_end(&counted);
}
