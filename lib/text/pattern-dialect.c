#include "text/pattern-dialect.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* PCRE2's \s has U+180E too. Oniguruma's ^ and $ are those of lines. */
#define WHITE "\\p{Z}\\t-\\r\\x{85}"

/* Properties that both know by this name and mean alike. Names of scripts do not: PCRE2 means the
 * characters that are used in one (Script_Extensions), Oniguruma those that belong to it. */
static const char *const categories[] = {
    "L",  "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N",  "Nd", "Nl", "No", "P",  "Pc",
    "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "S", "Sm", "Sc", "Sk", "So", "Z",  "Zs", "Zl", "Zp", "Cc"};

/* Escapes for one character. */
static const char controls[] = "rnt", marks[] = "\\|.*+?()[]{}^$-/'\"# ,:;!=&_~@%";

/* Regardless of case Oniguruma takes these for one ligature as well (ss: U+00DF). */
static const char *const ligatures[] = {"ss", "st", "ff", "fi", "fl"};

enum { DEPTH = 16, BOUND_DIGITS = 3 };

typedef enum element { NOTHING, CHARACTER, GROUP } element;

/* A walk over an expression. */
typedef struct walk {
    const char *at;
    tw_bytes *to;
    element last;     /* what a quantifier would be of */
    bool look[DEPTH]; /* open groups: whether one looks ahead */
    bool caseless;    /* in a group (?i:, where there are letters, marks and | only */
    char letter;      /* in it, the one before; 0: none */
    size_t depth;
} walk;

static void put(walk *w, const char *text)
{
    tw_bytes_put(w->to, text, strlen(text));
}

/* Passes `length` bytes on as they are. */
static void copy(walk *w, size_t length)
{
    tw_bytes_put(w->to, w->at, length);
    w->at += length;
}

static bool is_one_of(char c, const char *set)
{
    return c && strchr(set, c);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool copy_property(walk *w)
{
    const char *name = w->at + 3, *end = w->at[2] == '{' ? strchr(name, '}') : NULL;
    if (!end)
        return false;
    for (size_t i = 0; i < sizeof categories / sizeof *categories; i++)
        if (strlen(categories[i]) == (size_t)(end - name) &&
            strncmp(categories[i], name, (size_t)(end - name)) == 0) {
            copy(w, (size_t)(end - w->at) + 1);
            return true;
        }
    return false;
}

/* An escape; *single: it stands for one character. */
static bool rewrite_escape(walk *w, bool in_class, bool *single)
{
    const char kind = w->at[1];
    *single = is_one_of(kind, controls) || is_one_of(kind, marks);
    if (*single) {
        copy(w, 2);
        return true;
    }
    if (kind == 'p' || kind == 'P')
        return copy_property(w);
    if (kind == 'd') {
        copy(w, 2);
        return true;
    }
    if (kind == 's')
        put(w, in_class ? WHITE : "[" WHITE "]");
    else if (kind == 'S' && !in_class)
        put(w, "[^" WHITE "]");
    else
        return false;
    w->at += 2;
    return true;
}

/* A UTF-8 character, which is known to be whole; returns its code point. */
static uint32_t copy_character(walk *w)
{
    const unsigned char first = (unsigned char)*w->at;
    const size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    uint32_t point = length == 1 ? first : first & (0x3FU >> (length - 1));
    for (size_t i = 1; i < length; i++)
        point = point << 6 | ((unsigned char)w->at[i] & 0x3FU);
    copy(w, length);
    return point;
}

/* One of a class but `-`: a character, or a set of some. */
static bool rewrite_member(walk *w, uint32_t *point, bool *single)
{
    if (*w->at == '\\') {
        const char kind = w->at[1];
        *point = kind == 'n' ? '\n' : kind == 'r' ? '\r' : kind == 't' ? '\t' : (uint32_t)kind;
        return rewrite_escape(w, true, single);
    }
    /* Within a class Oniguruma has classes, and && for what they share. */
    if (!*w->at || *w->at == '[' || (w->at[0] == '&' && w->at[1] == '&'))
        return false;
    *single = true;
    *point = copy_character(w);
    return true;
}

/* A member, or the range that it begins. `-` is itself at either end of the class only. */
static bool rewrite_range(walk *w)
{
    uint32_t low, high;
    bool single;
    if (!rewrite_member(w, &low, &single))
        return false;
    if (w->at[0] != '-' || w->at[1] == ']')
        return true;
    copy(w, 1);
    if (!single || *w->at == '-' || !rewrite_member(w, &high, &single) || !single || high < low)
        return false;
    return w->at[0] != '-' || w->at[1] == ']';
}

static bool rewrite_class(walk *w)
{
    copy(w, 1);
    if (*w->at == '^')
        copy(w, 1);
    if (*w->at == ']')
        return false;
    if (*w->at == '-')
        copy(w, 1);
    while (*w->at != ']') {
        if (w->at[0] == '-' && w->at[1] == ']')
            copy(w, 1);
        else if (*w->at == '-' || !rewrite_range(w))
            return false;
    }
    copy(w, 1);
    return true;
}

/* Of letters alone, whose other cases both find. */
static bool copy_caseless_class(walk *w)
{
    size_t length = 1;
    while (is_letter(w->at[length]))
        length++;
    if (length == 1 || w->at[length] != ']')
        return false;
    copy(w, length + 1);
    w->letter = 0;
    return true;
}

static bool copy_caseless_letter(walk *w)
{
    const char lower = (char)(*w->at | 0x20);
    for (size_t i = 0; i < sizeof ligatures / sizeof *ligatures; i++)
        if (ligatures[i][0] == w->letter && ligatures[i][1] == lower)
            return false;
    w->letter = lower;
    copy(w, 1);
    return true;
}

static bool open_group(walk *w)
{
    static const char *const kinds[] = {"(?:", "(?=", "(?!", "(?i:", "("};
    size_t kind = 0;
    while (strncmp(w->at, kinds[kind], strlen(kinds[kind])) != 0)
        kind++;
    const char *begin = kinds[kind], next = w->at[strlen(begin)];
    if (w->depth == DEPTH || next == '?' || next == '*' || next == '+')
        return false;
    w->look[w->depth++] = begin[1] && is_one_of(begin[2], "=!");
    w->caseless = strcmp(begin, "(?i:") == 0;
    w->letter = 0;
    w->last = NOTHING;
    copy(w, strlen(begin));
    return true;
}

static bool close_group(walk *w)
{
    if (w->depth == 0)
        return false;
    w->last = w->look[--w->depth] ? NOTHING : GROUP;
    w->caseless = false;
    copy(w, 1);
    return true;
}

/* Length of "{n}", "{n,}" or "{n,m}" with n <= m, 0 < m; 0: none of them, or too large. */
static size_t bounds_length(const char *at)
{
    unsigned bound[2] = {0, 0};
    size_t i = 1, digits = 0;
    for (; is_digit(at[i]); i++, digits++)
        bound[0] = bound[0] * 10 + (unsigned)(at[i] - '0');
    if (digits == 0 || digits > BOUND_DIGITS)
        return 0;
    if (at[i] == '}')
        return bound[0] > 0 ? i + 1 : 0;
    if (at[i] != ',')
        return 0;
    for (i++, digits = 0; is_digit(at[i]); i++, digits++)
        bound[1] = bound[1] * 10 + (unsigned)(at[i] - '0');
    if (at[i] != '}' || digits > BOUND_DIGITS)
        return 0;
    return digits == 0 || (bound[1] > 0 && bound[0] <= bound[1]) ? i + 1 : 0;
}

/* Of a group ? alone: how often one that may be empty is repeated differs. Behind {n,m} the
 * suffixes ? and + mean other things, and a quantifier's own quantifier is an error in PCRE2. */
static bool copy_quantifier(walk *w)
{
    size_t length = *w->at == '{' ? bounds_length(w->at) : 1;
    if (w->caseless || w->last == NOTHING || length == 0 || (w->last == GROUP && *w->at != '?'))
        return false;
    if (*w->at != '{' && w->last == CHARACTER && is_one_of(w->at[1], "?+"))
        length++;
    copy(w, length);
    w->last = NOTHING;
    return !is_one_of(*w->at, "?+*{");
}

static bool rewrite_caseless(walk *w)
{
    if (is_letter(*w->at))
        return copy_caseless_letter(w);
    if (*w->at == '[')
        return copy_caseless_class(w);
    w->letter = 0;
    if (!is_one_of(*w->at, "|'"))
        return false;
    copy(w, 1);
    return true;
}

static bool rewrite_element(walk *w)
{
    bool single;
    if (*w->at == ')')
        return close_group(w);
    if (w->caseless)
        return rewrite_caseless(w);
    if (*w->at == '(')
        return open_group(w);
    if (is_one_of(*w->at, "*+?{"))
        return copy_quantifier(w);
    if (is_one_of(*w->at, "]}"))
        return false;
    w->last = is_one_of(*w->at, "|^$") ? NOTHING : CHARACTER;
    if (*w->at == '\\')
        return rewrite_escape(w, false, &single);
    if (*w->at == '[')
        return rewrite_class(w);
    copy_character(w);
    return true;
}

bool tw_pattern_translate(const char *expression, tw_bytes *to)
{
    walk w = {.at = expression, .to = to};
    while (*w.at)
        if (!rewrite_element(&w))
            return false;
    return w.depth == 0;
}
