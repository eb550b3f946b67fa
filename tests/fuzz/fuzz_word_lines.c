/* Any text (what stands before the first 0xFF) searched for its own first fields and for the
 * rest: by the table what a plain scan finds, sorted or not; by halving nothing that is not
 * there, and no byte outside of the text. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "metric/word_lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Where a line ends, and its first field, that begins at `at`. */
static size_t line_end(tw_span text, size_t at)
{
    while (at < text.length && text.text[at] != '\n')
        at++;
    return at;
}

static tw_span field_at(tw_span text, size_t at)
{
    size_t end = at;
    while (end < text.length && text.text[end] != '\n' && text.text[end] != ' ')
        end++;
    return (tw_span){text.text + at, end - at};
}

static bool equal(tw_span a, tw_span b)
{
    return a.length == b.length && memcmp(a.text, b.text, a.length) == 0;
}

static const char *scan(tw_span text, tw_span word)
{
    const char *found = NULL;
    for (size_t at = 0; at < text.length; at = line_end(text, at) + 1)
        if (equal(field_at(text, at), word))
            found = text.text + at;
    return found;
}

/* hashed: there is a table, in which phrases are not. */
static void check(tw_word_lines *lines, tw_span text, tw_span word, bool hashed)
{
    tw_span found = {NULL, 0};
    const bool any = tw_word_lines_find(lines, 0, word, &found);
    if (any && !equal(field_at(text, (size_t)(found.text - text.text)), word))
        abort();
    if (any && found.text + found.length != text.text + text.length)
        abort();
    if (hashed && !memchr(word.text, '_', word.length) && found.text != scan(text, word))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MOST = 4096 }; /* a scan for each line */
    if (size > MOST)
        return 0;
    /* Copies end where the text does, so that a read behind it is seen. */
    const uint8_t *middle = size ? memchr(data, 0xFF, size) : NULL;
    const size_t length = middle ? (size_t)(middle - data) : size;
    char *copy = tw_alloc(length, 1), *last = tw_alloc(size - length, 1);
    memcpy(copy, data, length);
    memcpy(last, data + length, size - length);
    const tw_span text = {copy, length}, other = {last, size - length};
    tw_word_lines *lines = tw_word_lines_new(&text, 1);
    for (int round = 0; round < 2; round++) {
        check(lines, text, other, round > 0);
        for (size_t at = 0; at < length; at = line_end(text, at) + 1)
            check(lines, text, field_at(text, at), round > 0);
        for (int i = 0; i < TW_WORD_LINES_FEW && round == 0; i++)
            check(lines, text, other, false);
    }
    tw_word_lines_free(lines);
    free(copy);
    free(last);
    return 0;
}
