#include "metric/words.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "metric/unicode.h"

enum {
    CAPITAL_I_DOT = 0x130,
    DOT_ABOVE = 0x307,
    KELVIN = 0x212A,
    CAPITAL_SIGMA = 0x3A3,
    SIGMA = 0x3C3,
    FINAL_SIGMA = 0x3C2
};

void tw_words_free(tw_words *words)
{
    free(words->ids);
    free(words->ends);
    free(words->buffer);
    *words = (tw_words){0};
}

void tw_words_clear(tw_words *words)
{
    words->count = 0;
    words->sentences = 0;
    words->buffer_length = 0;
}

static void add_character(tw_words *words, uint32_t character)
{
    if (words->buffer_capacity - words->buffer_length < TW_UTF8_MAX) {
        words->buffer_capacity = words->buffer_capacity ? 2 * words->buffer_capacity : 64;
        words->buffer = tw_realloc(words->buffer, words->buffer_capacity, 1);
    }
    words->buffer_length += tw_utf8_put(words->buffer + words->buffer_length, character);
}

/* Adds the run of ASCII letters and digits at `at`, in lower case; returns where it ends. The
 * quick way through most text; the rest goes character by character. */
static const char *add_run(tw_words *words, const char *at, const char *end)
{
    const size_t left = (size_t)(end - at);
    if (left == 0)
        return at; /* there may be no buffer yet */
    if (words->buffer_capacity - words->buffer_length < left) {
        words->buffer_capacity = 2 * (words->buffer_length + left) + 64;
        words->buffer = tw_realloc(words->buffer, words->buffer_capacity, 1);
    }
    char *to = words->buffer + words->buffer_length;
    for (; at < end; at++) {
        const unsigned char byte = (unsigned char)*at, lower = byte | 0x20; /* of a digit itself */
        if ((unsigned char)(lower - 'a') > 'z' - 'a' && (unsigned char)(byte - '0') > 9)
            break;
        *to++ = (char)lower;
    }
    words->buffer_length = (size_t)(to - words->buffer);
    return at;
}

void tw_words_add(tw_words *words, int32_t id)
{
    if (words->count == words->capacity) {
        words->capacity = words->capacity ? 2 * words->capacity : 64;
        words->ids = tw_realloc(words->ids, words->capacity, sizeof *words->ids);
    }
    words->ids[words->count++] = id;
}

static void end_word(tw_words *words, tw_lexicon *lexicon, bool stem)
{
    if (words->buffer_length == 0)
        return;
    int32_t id = tw_lexicon_id(lexicon, words->buffer, words->buffer_length);
    if (stem && words->buffer_length > 3)
        id = tw_lexicon_stem(lexicon, id);
    tw_words_add(words, id);
    words->buffer_length = 0;
}

static void end_sentence(tw_words *words)
{
    const size_t begin = words->sentences ? words->ends[words->sentences - 1] : 0;
    if (words->count == begin)
        return;
    if (words->sentences == words->sentence_capacity) {
        words->sentence_capacity = words->sentence_capacity ? 2 * words->sentence_capacity : 8;
        words->ends = tw_realloc(words->ends, words->sentence_capacity, sizeof *words->ends);
    }
    words->ends[words->sentences++] = words->count;
}

void tw_words_rouge(tw_words *words, tw_lexicon *lexicon, const char *text, size_t length,
                    bool stem)
{
    const char *end = text + length;
    tw_words_clear(words);
    for (const char *at = text; (at = add_run(words, at, end)) < end;) {
        const uint32_t character = tw_utf8_next(&at, end);
        if (character == KELVIN) {
            add_character(words, 'k');
            continue;
        }
        if (character == CAPITAL_I_DOT)
            add_character(words, 'i');
        end_word(words, lexicon, stem);
        if (character == '\n')
            end_sentence(words);
    }
    end_word(words, lexicon, stem);
    end_sentence(words);
}

/* Whether a capital sigma before `at` ends its word: a letter stands before it
 * (the caller's `inside`) and none behind it. */
static bool sigma_is_final(const char *at, const char *end, bool inside)
{
    return inside && (at == end || tw_kind_of(tw_utf8_next(&at, end)) != TW_WORD);
}

void tw_words_meteor(tw_words *words, tw_lexicon *lexicon, const char *text, size_t length)
{
    const char *end = text + length;
    tw_words_clear(words);
    for (const char *at = text; (at = add_run(words, at, end)) < end;) {
        const uint32_t character = tw_utf8_next(&at, end);
        const tw_kind kind = character == ' ' ? TW_SPACE : tw_kind_of(character);
        if (kind != TW_WORD)
            end_word(words, lexicon, false);
        if (kind == TW_SPACE)
            continue;
        if (character == CAPITAL_SIGMA) {
            const bool final = sigma_is_final(at, end, words->buffer_length > 0);
            add_character(words, final ? FINAL_SIGMA : SIGMA);
        } else if (character == CAPITAL_I_DOT) {
            add_character(words, 'i');
            add_character(words, DOT_ABOVE);
        } else {
            add_character(words, tw_lower(character));
        }
        if (kind == TW_MARK)
            end_word(words, lexicon, false);
    }
    end_word(words, lexicon, false);
    end_sentence(words);
}

size_t tw_words_count(const char *text, size_t length)
{
    size_t count = 0;
    bool inside = false;
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)text[i];
        const bool blank = c == ' ' || (c >= '\t' && c <= '\r');
        count += !blank && !inside;
        inside = !blank;
    }
    return count;
}
