#include "metric/porter.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "metric/unicode.h"

/* A word under the knife: letters (characters) and how many are left. */
typedef struct word {
    uint32_t *letters;
    size_t count;
} word;

static bool is_vowel_letter(uint32_t letter)
{
    return letter == 'a' || letter == 'e' || letter == 'i' || letter == 'o' || letter == 'u';
}

/* A y is a consonant where the letter before it is none, and at the start. */
static bool is_consonant(const word *w, size_t i)
{
    bool flip = false;
    while (i > 0 && w->letters[i] == 'y') {
        flip = !flip;
        i--;
    }
    return !is_vowel_letter(w->letters[i]) != flip;
}

/* Porter's m of the first `count` letters: how often a consonant follows a vowel. */
static int measure(const word *w, size_t count)
{
    int m = 0;
    bool before = true;
    for (size_t i = 0; i < count; i++) {
        const uint32_t letter = w->letters[i];
        const bool consonant = letter == 'y' ? i == 0 || !before : !is_vowel_letter(letter);
        m += i > 0 && consonant && !before;
        before = consonant;
    }
    return m;
}

static bool contains_vowel(const word *w, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!is_consonant(w, i))
            return true;
    return false;
}

/* Porter's *o: consonant, vowel, consonant other than w, x, y at the end. */
static bool ends_cvc(const word *w, size_t count)
{
    if (count == 2)
        return !is_consonant(w, 0) && is_consonant(w, 1);
    if (count < 3)
        return false;
    const uint32_t last = w->letters[count - 1];
    return is_consonant(w, count - 3) && !is_consonant(w, count - 2) &&
           is_consonant(w, count - 1) && last != 'w' && last != 'x' && last != 'y';
}

/* A suffix, its length and what replaces it. */
typedef struct rule {
    const char *suffix;
    size_t length;
    const char *by;
} rule;
#define RULE(suffix, by)                                                                           \
    {                                                                                              \
        suffix, sizeof(suffix) - 1, by                                                             \
    }
#define ENDS_WITH(w, suffix) ends_with(w, suffix, sizeof(suffix) - 1)

static bool ends_with(const word *w, const char *suffix, size_t length)
{
    if (length > w->count)
        return false;
    for (size_t i = 0; i < length; i++)
        if (w->letters[w->count - length + i] != (unsigned char)suffix[i])
            return false;
    return true;
}

/* Replaces the last `drop` letters. */
static void replace(word *w, size_t drop, const char *by)
{
    w->count -= drop;
    for (; *by; by++)
        w->letters[w->count++] = (unsigned char)*by;
}

/* The first rule whose suffix fits decides, whether or not m is above `above`. */
static void apply(word *w, const rule *rules, size_t count, int above)
{
    for (size_t i = 0; i < count; i++) {
        const size_t drop = rules[i].length;
        if (!ends_with(w, rules[i].suffix, drop))
            continue;
        if (measure(w, w->count - drop) > above)
            replace(w, drop, rules[i].by);
        return;
    }
}

static void step_1a(word *w)
{
    if (ENDS_WITH(w, "ies"))
        replace(w, 3, w->count == 4 ? "ie" : "i");
    else if (ENDS_WITH(w, "sses"))
        replace(w, 2, "");
    else if (ENDS_WITH(w, "s") && !ENDS_WITH(w, "ss"))
        replace(w, 1, "");
}

static bool ends_double_consonant(const word *w)
{
    return w->count >= 2 && w->letters[w->count - 1] == w->letters[w->count - 2] &&
           is_consonant(w, w->count - 1);
}

/* What follows the removal of "ed" or "ing". */
static void mend_1b(word *w)
{
    const uint32_t last = w->letters[w->count - 1];
    const bool wants_e = ENDS_WITH(w, "at") || ENDS_WITH(w, "bl") || ENDS_WITH(w, "iz");
    if (!wants_e && ends_double_consonant(w))
        w->count -= last != 'l' && last != 's' && last != 'z';
    else if (wants_e || (measure(w, w->count) == 1 && ends_cvc(w, w->count)))
        replace(w, 0, "e");
}

static void step_1b(word *w)
{
    if (ENDS_WITH(w, "ied")) {
        replace(w, 3, w->count == 4 ? "ie" : "i");
        return;
    }
    if (ENDS_WITH(w, "eed")) {
        if (measure(w, w->count - 3) > 0)
            replace(w, 1, "");
        return;
    }
    const size_t drop = ENDS_WITH(w, "ed") ? 2 : ENDS_WITH(w, "ing") ? 3 : 0;
    if (drop > 0 && contains_vowel(w, w->count - drop)) {
        w->count -= drop;
        mend_1b(w);
    }
}

static void step_1c(word *w)
{
    if (ENDS_WITH(w, "y") && w->count > 2 && is_consonant(w, w->count - 2))
        w->letters[w->count - 1] = 'i';
}

static void step_2(word *w)
{
    static const rule rules[] = {
        RULE("ational", "ate"), RULE("tional", "tion"), RULE("enci", "ence"),
        RULE("anci", "ance"),   RULE("izer", "ize"),    RULE("bli", "ble"),
        RULE("alli", "al"),     RULE("entli", "ent"),   RULE("eli", "e"),
        RULE("ousli", "ous"),   RULE("ization", "ize"), RULE("ation", "ate"),
        RULE("ator", "ate"),    RULE("alism", "al"),    RULE("iveness", "ive"),
        RULE("fulness", "ful"), RULE("ousness", "ous"), RULE("aliti", "al"),
        RULE("iviti", "ive"),   RULE("biliti", "ble"),  RULE("fulli", "ful")};
    /* Alone among the suffixes, "alli" lets the step run again. */
    while (ENDS_WITH(w, "alli") && measure(w, w->count - 4) > 0)
        w->count -= 2;
    if (!ENDS_WITH(w, "logi"))
        apply(w, rules, sizeof rules / sizeof *rules, 0);
    else if (measure(w, w->count - 3) > 0)
        w->count--;
}

static void step_3(word *w)
{
    static const rule rules[] = {RULE("icate", "ic"), RULE("ative", ""),  RULE("alize", "al"),
                                 RULE("iciti", "ic"), RULE("ical", "ic"), RULE("ful", ""),
                                 RULE("ness", "")};
    apply(w, rules, sizeof rules / sizeof *rules, 0);
}

static void step_4(word *w)
{
    static const rule before[] = {
        RULE("al", ""),   RULE("ance", ""), RULE("ence", ""), RULE("er", ""),    RULE("ic", ""),
        RULE("able", ""), RULE("ible", ""), RULE("ant", ""),  RULE("ement", ""), RULE("ment", ""),
        RULE("ent", ""),  RULE("ou", ""),   RULE("ism", ""),  RULE("ate", ""),   RULE("iti", ""),
        RULE("ous", ""),  RULE("ive", ""),  RULE("ize", "")};
    if (!ENDS_WITH(w, "ion")) {
        apply(w, before, sizeof before / sizeof *before, 1);
        return;
    }
    /* "ion" goes after s or t only. */
    const uint32_t last = w->count > 3 ? w->letters[w->count - 4] : 0;
    if (measure(w, w->count - 3) > 1 && (last == 's' || last == 't'))
        w->count -= 3;
}

static void step_5(word *w)
{
    if (ENDS_WITH(w, "e")) {
        const int m = measure(w, w->count - 1);
        if (m > 1 || (m == 1 && !ends_cvc(w, w->count - 1)))
            w->count--;
    }
    if (ENDS_WITH(w, "ll") && measure(w, w->count - 1) > 1)
        w->count--;
}

/* Irregular forms; NULL if the word is none. */
static const char *irregular(const char *text, size_t length)
{
    enum { SHORTEST = 3, LONGEST = 8 };
    static const char *const forms[][2] = {
        {"sky", "sky"},        {"skies", "sky"},        {"dying", "die"},
        {"lying", "lie"},      {"tying", "tie"},        {"news", "news"},
        {"innings", "inning"}, {"inning", "inning"},    {"outings", "outing"},
        {"outing", "outing"},  {"cannings", "canning"}, {"canning", "canning"},
        {"howe", "howe"},      {"proceed", "proceed"},  {"exceed", "exceed"},
        {"succeed", "succeed"}};
    if (length < SHORTEST || length > LONGEST)
        return NULL;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (*text == *forms[i][0] && strlen(forms[i][0]) == length &&
            memcmp(forms[i][0], text, length) == 0)
            return forms[i][1];
    return NULL;
}

static size_t put_letters(const word *w, char *to)
{
    size_t length = 0;
    for (size_t i = 0; i < w->count; i++)
        length += tw_utf8_put(to + length, w->letters[i]);
    return length;
}

size_t tw_porter_stem(const char *text, size_t length, char *stem)
{
    uint32_t few[64];
    const char *known = irregular(text, length);
    if (known) {
        for (length = 0; known[length]; length++)
            stem[length] = known[length];
        return length;
    }
    word w = {length <= sizeof few / sizeof *few ? few : tw_alloc(length, sizeof *few), 0};
    for (const char *at = text; at < text + length;)
        w.letters[w.count++] = tw_utf8_next(&at, text + length);
    if (w.count > 2) {
        step_1a(&w);
        step_1b(&w);
        step_1c(&w);
        step_2(&w);
        step_3(&w);
        step_4(&w);
        step_5(&w);
        length = put_letters(&w, stem);
    } else {
        memmove(stem, text, length);
    }
    if (w.letters != few)
        free(w.letters);
    return length;
}
