#include "metric/template.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"

typedef enum kind { TEXT, PROMPT, MASK, LITERAL } kind;
static const char *const blanks[LITERAL] = {"{text}", "{prompt}", "<mask>"};

typedef struct part {
    kind kind;
    const char *start; /* of a LITERAL, into source */
    size_t length;
} part;

struct tw_template {
    char *source;
    part parts[2 * LITERAL + 1]; /* [count]: each blank once, and what is around them */
    size_t count;
};

/* The blank that `at` begins with, LITERAL for none. */
static kind blank_at(const char *at)
{
    for (int k = 0; k < LITERAL; k++)
        if (strncmp(at, blanks[k], strlen(blanks[k])) == 0)
            return (kind)k;
    return LITERAL;
}

static bool has(const tw_template *template, kind kind)
{
    for (size_t i = 0; i < template->count; i++)
        if (template->parts[i].kind == kind)
            return true;
    return false;
}

/* {word} other than the known: a slip rather than text. */
static int check_braces(const char *at)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    const size_t length = *at == '{' ? strspn(at + 1, letters) : 0;
    if (length == 0 || at[1 + length] != '}')
        return 0;
    return tw_fail("unknown %.*s; there are {text}, {prompt} and <mask>",
                   (int)(length < 60 ? length + 2 : 62), at);
}

static int split(tw_template *template)
{
    for (const char *at = template->source; *at;) {
        const kind kind = blank_at(at);
        if (kind == LITERAL) {
            part *last = template->count ? &template->parts[template->count - 1] : NULL;
            if (check_braces(at) != 0)
                return -1;
            if (!last || last->kind != LITERAL)
                template->parts[template->count++] = (part){LITERAL, at, 1};
            else
                last->length++;
            at++;
            continue;
        }
        if (has(template, kind))
            return tw_fail("%s occurs twice; expected it once", blanks[kind]);
        template->parts[template->count++] = (part){kind, NULL, 0};
        at += strlen(blanks[kind]);
    }
    for (int k = TEXT; k <= PROMPT; k++)
        if (!has(template, (kind)k))
            return tw_fail("expected %s in \"%.200s\"", blanks[k], template->source);
    return 0;
}

tw_template *tw_template_parse(const char *text)
{
    tw_template *template = tw_alloc(1, sizeof *template);
    template->source = tw_strdup(text);
    if (split(template) == 0)
        return template;
    tw_template_free(template);
    return NULL;
}

void tw_template_free(tw_template *template)
{
    if (!template)
        return;
    free(template->source);
    free(template);
}

bool tw_template_masked(const tw_template *template)
{
    return has(template, MASK);
}

/* The filled parts, up to one of a kind (LITERAL: all). */
static void fill_until(const tw_template *template, const tw_filling *filling, kind end,
                       tw_bytes *to)
{
    for (size_t i = 0; i < template->count; i++) {
        const part *at = &template->parts[i];
        if (at->kind == LITERAL)
            tw_bytes_put(to, at->start, at->length);
        else if (at->kind == end)
            return;
        else if (at->kind == TEXT)
            tw_bytes_put(to, filling->text, filling->length);
        else if (at->kind == PROMPT)
            tw_bytes_put(to, filling->prompt, strlen(filling->prompt));
        else
            tw_bytes_put(to, blanks[at->kind], strlen(blanks[at->kind]));
    }
}

void tw_template_fill(const tw_template *template, const tw_filling *filling, tw_bytes *to)
{
    fill_until(template, filling, LITERAL, to);
}

void tw_template_head(const tw_template *template, const tw_filling *filling, tw_bytes *to)
{
    size_t i = 0;
    while (template->parts[i].kind != TEXT && template->parts[i].kind != PROMPT)
        i++;
    if (template->parts[i].kind == PROMPT)
        return;
    const size_t before = to->length;
    fill_until(template, filling, PROMPT, to);
    while (to->length > before && strchr(" \t\n", to->data[to->length - 1]))
        to->length--;
}
