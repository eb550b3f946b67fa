#include "metric/word_lines.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "metric/word_hash.h"

/* A slot of the table: the low half of the word's hash, the text, and 1 + where in it the line
 * begins; 0 is empty. */
enum { TEXT_BITS = 3, PLACE_BITS = 29 };
static_assert(TW_WORD_LINES_TEXTS <= 1 << TEXT_BITS, "a text's number fits");

/* Of the lines of words; phrases, which no one word of a text equals, are not worth it. */
typedef struct table {
    uint64_t *slots; /* [mask + 1], a power of two */
    size_t mask, count;
} table;

enum { PHRASE = '_' }; /* what has one is a phrase */

struct tw_word_lines {
    tw_span texts[TW_WORD_LINES_TEXTS];
    size_t count;
    atomic_uint searches;   /* so far, while there is no table */
    _Atomic(table *) table; /* NULL: none yet */
};

tw_word_lines *tw_word_lines_new(const tw_span *texts, size_t count)
{
    tw_word_lines *lines = tw_alloc(1, sizeof *lines);
    memcpy(lines->texts, texts, count * sizeof *texts);
    lines->count = count;
    return lines;
}

void tw_word_lines_free(tw_word_lines *lines)
{
    if (!lines)
        return;
    table *table = atomic_load(&lines->table);
    if (table)
        free(table->slots);
    free(table);
    free(lines);
}

static size_t line_end(tw_span text, size_t at)
{
    const char *end = memchr(text.text + at, '\n', text.length - at);
    return end ? (size_t)(end - text.text) : text.length;
}

/* Orders word against the first field of the line at `at`, byte by byte. */
static int compare(tw_span word, tw_span text, size_t at)
{
    const unsigned char *line = (const unsigned char *)text.text + at;
    const size_t left = text.length - at;
    for (size_t i = 0;; i++) {
        const bool ends = i == left || line[i] == ' ' || line[i] == '\n';
        if (i == word.length || ends)
            return (i < word.length) - !ends;
        if ((unsigned char)word.text[i] != line[i])
            return (unsigned char)word.text[i] < line[i] ? -1 : 1;
    }
}

static bool find_sorted(tw_span text, tw_span word, size_t *found)
{
    size_t low = 0, high = text.length; /* both at starts of lines */
    bool any = false;
    while (low < high) {
        size_t start = low + (high - low) / 2;
        while (start > low && text.text[start - 1] != '\n')
            start--;
        const int order = compare(word, text, start);
        if (order == 0) {
            *found = start;
            any = true;
        }
        if (order < 0) {
            high = start;
        } else {
            const size_t end = line_end(text, start);
            low = end + (end < text.length);
        }
    }
    return any;
}

static uint64_t hash_of(tw_span word)
{
    return (uint32_t)tw_word_hash(tw_word_key(word.text, word.length), word.length);
}

static size_t home(const table *t, uint64_t slot)
{
    return slot >> (TEXT_BITS + PLACE_BITS) & t->mask;
}

static void place(table *t, uint64_t slot)
{
    size_t at = home(t, slot);
    while (t->slots[at])
        at = (at + 1) & t->mask;
    t->slots[at] = slot;
}

static void grow(table *t)
{
    const table old = *t;
    t->mask = 2 * t->mask + 1;
    t->slots = tw_alloc(t->mask + 1, sizeof *t->slots);
    for (size_t i = 0; i <= old.mask; i++)
        if (old.slots[i])
            place(t, old.slots[i]);
    free(old.slots);
}

/* Keeps a quarter of the slots empty. */
static void put(table *t, uint64_t slot)
{
    if (4 * (t->count + 1) > 3 * t->mask)
        grow(t);
    place(t, slot);
    t->count++;
}

/* What is to be put into the table, held back until its place in memory is near. */
typedef struct queue {
    uint64_t slots[32];
    size_t count;
} queue;

static void put_all(table *t, queue *waiting)
{
    for (size_t i = 0; i < waiting->count; i++)
        put(t, waiting->slots[i]);
    waiting->count = 0;
}

static void enqueue(table *t, queue *waiting, uint64_t slot)
{
    if (waiting->count == sizeof waiting->slots / sizeof *waiting->slots)
        put_all(t, waiting);
    __builtin_prefetch(&t->slots[home(t, slot)], 1);
    waiting->slots[waiting->count++] = slot;
}

/* Whether a line begins at `at` with the word as its first field. */
static bool begins_with(tw_span text, size_t at, tw_span word)
{
    if (at >= text.length || text.length - at < word.length)
        return false;
    const char *line = text.text + at;
    const bool ends =
        text.length - at == word.length || line[word.length] == ' ' || line[word.length] == '\n';
    return ends && memcmp(line, word.text, word.length) == 0;
}

/* Adds the lines of a text but those of phrases. */
static void add_text(table *t, tw_span text, size_t number)
{
    static const bool stops[256] = {[' '] = true, ['\n'] = true, [PHRASE] = true};
    queue waiting = {.count = 0};
    for (size_t at = 0, next; at < text.length; at = next) {
        size_t stop = at;
        while (stop < text.length && !stops[(unsigned char)text.text[stop]])
            stop++;
        next = line_end(text, stop) + 1;
        if (stop < text.length && text.text[stop] == PHRASE)
            continue;
        const uint64_t hash = hash_of((tw_span){text.text + at, stop - at});
        enqueue(t, &waiting, (hash << TEXT_BITS | number) << PLACE_BITS | (at + 1));
    }
    put_all(t, &waiting);
}

static bool find_hashed(const table *t, tw_span text, size_t number, tw_span word, size_t *found)
{
    const uint64_t hash = hash_of(word), wanted = hash << TEXT_BITS | number;
    bool any = false;
    for (size_t at = hash & t->mask; t->slots[at]; at = (at + 1) & t->mask) {
        const size_t place = (t->slots[at] & ((1U << PLACE_BITS) - 1)) - 1;
        if (t->slots[at] >> PLACE_BITS != wanted || !begins_with(text, place, word))
            continue;
        *found = any && *found > place ? *found : place;
        any = true;
    }
    return any;
}

/* NULL where places would not fit. */
static table *make_table(const tw_word_lines *lines)
{
    enum { USUAL_LINE = 48 };
    size_t total = 0, slots = 1024;
    for (size_t i = 0; i < lines->count; i++) {
        if (lines->texts[i].length >= (1U << PLACE_BITS) - 1)
            return NULL;
        total += lines->texts[i].length;
    }
    while (slots < total / USUAL_LINE)
        slots *= 2;
    table *t = tw_alloc(1, sizeof *t);
    *t = (table){tw_alloc(slots, sizeof *t->slots), slots - 1, 0};
    for (size_t i = 0; i < lines->count; i++)
        add_text(t, lines->texts[i], i);
    return t;
}

/* The table; NULL while there is none. The one thread whose search is the last of the few makes
 * it, while others go on searching. */
static const table *table_of(tw_word_lines *lines)
{
    table *t = atomic_load_explicit(&lines->table, memory_order_acquire);
    if (!t &&
        atomic_fetch_add_explicit(&lines->searches, 1, memory_order_relaxed) == TW_WORD_LINES_FEW) {
        t = make_table(lines);
        atomic_store_explicit(&lines->table, t, memory_order_release);
    }
    return t;
}

bool tw_word_lines_find(tw_word_lines *lines, size_t text, tw_span word, tw_span *found)
{
    const table *t = table_of(lines);
    const tw_span all = lines->texts[text];
    const bool hashed = t && !memchr(word.text, PHRASE, word.length);
    size_t at = 0;
    if (!(hashed ? find_hashed(t, all, text, word, &at) : find_sorted(all, word, &at)))
        return false;
    *found = (tw_span){all.text + at, all.length - at};
    return true;
}
