/* The tokenizer 13a: replacements over the whole text, one after the other, as
 * its definition has them. They touch ASCII alone, so bytes do for characters. */
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "metric/bleu.h"
#include "metric/unicode.h"

typedef struct buffer {
    char *bytes;
    size_t length, capacity;
} buffer;

static void append(buffer *to, const char *bytes, size_t length)
{
    if (length == 0)
        return;
    if (to->capacity - to->length < length) {
        to->capacity = 2 * (to->length + length) + 64;
        to->bytes = tw_realloc(to->bytes, to->capacity, 1);
    }
    memcpy(to->bytes + to->length, bytes, length);
    to->length += length;
}

static void swap(buffer *a, buffer *b)
{
    const buffer other = *a;
    *a = *b;
    *b = other;
    b->length = 0;
}

/* Every `from` becomes `to`, from the left; spare is empty, before and after. */
static void replace(buffer *text, buffer *spare, const char *from, const char *to)
{
    const size_t length = strlen(from);
    if (text->length == 0 || !memmem(text->bytes, text->length, from, length))
        return;
    const char *at = text->bytes, *end = text->bytes + text->length, *found;
    while (at < end && (found = memmem(at, (size_t)(end - at), from, length))) {
        append(spare, at, (size_t)(found - at));
        append(spare, to, strlen(to));
        at = found + length;
    }
    append(spare, at, (size_t)(end - at));
    swap(text, spare);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_stop(char c)
{
    return c == '.' || c == ',';
}

/* Symbols that always stand alone: not ' , - . */
static bool is_symbol(char c)
{
    return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= '!' && c <= '&') ||
           (c >= '(' && c <= '+') || (c >= ':' && c <= '@') || c == '/';
}

typedef bool fits(char first, char second);

static bool stop_after_other(char first, char second)
{
    return !is_digit(first) && is_stop(second);
}

static bool stop_before_other(char first, char second)
{
    return is_stop(first) && !is_digit(second);
}

static bool dash_after_digit(char first, char second)
{
    return is_digit(first) && second == '-';
}

/* Blanks around each of the two neighbours that fit, or between them where that
 * is all the rule says; a byte is in one pair only. */
static void part(buffer *text, buffer *spare, fits *pair)
{
    const char *bytes = text->bytes;
    for (size_t i = 0; i < text->length; i++) {
        if (i + 1 == text->length || !pair(bytes[i], bytes[i + 1])) {
            append(spare, bytes + i, 1);
            continue;
        }
        if (pair == stop_before_other)
            append(spare, " ", 1);
        append(spare, bytes + i, 1);
        append(spare, " ", 1);
        append(spare, bytes + i + 1, 1);
        if (pair != stop_before_other)
            append(spare, " ", 1);
        i++;
    }
    swap(text, spare);
}

static void part_symbols(buffer *text, buffer *spare)
{
    for (size_t i = 0; i < text->length; i++) {
        const char c = text->bytes[i];
        const char apart[] = {' ', c, ' '};
        if (is_symbol(c))
            append(spare, apart, sizeof apart);
        else
            append(spare, &c, 1);
    }
    swap(text, spare);
}

/* How far a text goes without the white space at its end. */
static size_t stripped_length(const char *text, size_t length)
{
    const char *end = text + length, *stop = text;
    for (const char *at = text; at < end;)
        if (tw_kind_of(tw_utf8_next(&at, end)) != TW_SPACE)
            stop = at;
    return (size_t)(stop - text);
}

static void split(tw_words *words, tw_lexicon *lexicon, const buffer *text)
{
    const char *end = text->bytes + text->length, *begin = text->bytes;
    tw_words_clear(words);
    for (const char *at = begin; at < end;) {
        const char *here = at;
        if (tw_kind_of(tw_utf8_next(&at, end)) != TW_SPACE)
            continue;
        if (here > begin)
            tw_words_add(words, tw_lexicon_id(lexicon, begin, (size_t)(here - begin)));
        begin = at;
    }
}

void tw_words_bleu(tw_words *words, tw_lexicon *lexicon, const char *text, size_t length)
{
    static const char *const replaced[][2] = {{"<skipped>", ""}, {"-\n", ""},    {"\n", " "},
                                              {"&quot;", "\""},  {"&amp;", "&"}, {"&lt;", "<"},
                                              {"&gt;", ">"}};
    buffer line = {0}, spare = {0}, whole = {0};
    append(&line, text, stripped_length(text, length));
    for (size_t i = 0; i < sizeof replaced / sizeof *replaced; i++)
        replace(&line, &spare, replaced[i][0], replaced[i][1]);
    append(&whole, " ", 1);
    append(&whole, line.bytes, line.length);
    append(&whole, " ", 1);
    part_symbols(&whole, &spare);
    part(&whole, &spare, stop_after_other);
    part(&whole, &spare, stop_before_other);
    part(&whole, &spare, dash_after_digit);
    split(words, lexicon, &whole);
    free(line.bytes);
    free(spare.bytes);
    free(whole.bytes);
}
