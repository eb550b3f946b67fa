#include "metric/html.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/printable.h"
#include "metric/html_parts.h"
#include "metric/paint.h"
#include "metric/ranks.h"
#include "metric/rewarded.h"
#include "metric/unicode.h"

/* Classes of the style sheet, from the least to the greatest reward. */
static const char *const shades[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};
enum { SHADES = sizeof shades / sizeof *shades };

/* Controls, and what is no character. */
static bool is_unfit(uint32_t c)
{
    return tw_is_control(c) || (c >= 0xFDD0 && c <= 0xFDEF) || (c & 0xFFFE) == 0xFFFE;
}

static const char *entity(uint32_t character)
{
    switch (character) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

/* newline: what stands for one. */
static void put_text(FILE *to, const char *text, const char *newline)
{
    for (const char *at = text, *stop = text + strlen(text); at < stop;) {
        char bytes[TW_UTF8_MAX];
        uint32_t character = tw_utf8_next(&at, stop);
        const char *escaped = character == '\n' ? newline : entity(character);
        if (escaped) {
            fputs(escaped, to);
            continue;
        }
        if (character == '\t')
            character = ' ';
        const size_t length =
            tw_utf8_put(bytes, is_unfit(character) ? TW_BAD_CHARACTER : character);
        fwrite(bytes, 1, length, to);
    }
}

/* SentencePiece's blank, at the front or alone, is a blank. */
static void put_piece(FILE *to, const char *piece)
{
    static const char blank[] = "\u2581";
    for (; strncmp(piece, blank, sizeof blank - 1) == 0; piece += sizeof blank - 1)
        fputc(' ', to);
    put_text(to, piece, "\u23CE\n");
}

static const char *shade_of(const tw_paint *scale, double value)
{
    const double width = scale->high - scale->low;
    const double share = width > 0 ? (value - scale->low) / width : 0.5;
    return shades[(int)(fmin(fmax(share, 0), 1) * (SHADES - 1) + 0.5)];
}

static void put_scale(FILE *to, const tw_paint *scale)
{
    fprintf(to, "<span class=s>reward %.4g ", scale->low);
    for (int i = 0; i < SHADES; i++)
        fprintf(to, "<i class=%s></i>", shades[i]);
    fprintf(to, " %.4g</span>", scale->high);
}

/* One sample's place and numbers. */
typedef struct entry {
    size_t sample, first, length; /* first: of its tokens */
    double rank, score;           /* NaN: none */
    double guided;                /* its aggregate, NaN: none */
    size_t guided_rank;
} entry;

static double number_of(const json_t *sample, const char *name)
{
    const json_t *value = json_object_get(sample, name);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static int by_place(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    return (x->sample > y->sample) - (x->sample < y->sample);
}

static int by_rank(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    const int order = (x->rank > y->rank) - (x->rank < y->rank);
    return order ? order : by_place(a, b);
}

static int by_score(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (isnan(x->score) != isnan(y->score))
        return isnan(x->score) ? 1 : -1; /* those without one last */
    const int order = (x->score < y->score) - (x->score > y->score);
    return order ? order : by_place(a, b);
}

/* What the guidance makes of the group. */
static void judge(const tw_page *page, const tw_rewarded *all, entry *entries)
{
    bool empty = !page->aggregate || all->samples == 0;
    for (size_t k = 0; k < all->samples; k++)
        empty |= all->lengths[k] == 0;
    if (empty)
        return;
    float *rewards = tw_alloc(all->count, sizeof *rewards);
    double *e = tw_alloc(all->samples, sizeof *e);
    size_t *ranks = tw_alloc(all->samples, sizeof *ranks);
    for (size_t i = 0; i < all->count; i++)
        rewards[i] = (float)all->rewards[i];
    tw_aggregate_scores(page->aggregate, rewards, all->lengths, all->samples, e);
    tw_ranks(e, all->samples, 0, ranks);
    for (size_t k = 0; k < all->samples; k++) {
        entries[k].guided = e[k];
        entries[k].guided_rank = ranks[k];
    }
    free(rewards);
    free(e);
    free(ranks);
}

static entry *order(const tw_page *page, const tw_record *record, const tw_rewarded *all)
{
    entry *entries = tw_alloc(all->samples, sizeof *entries);
    bool ranked = true;
    for (size_t k = 0, first = 0; k < all->samples; first += all->lengths[k++]) {
        const json_t *sample = json_array_get(record->samples, k);
        entries[k] = (entry){.sample = k,
                             .first = first,
                             .length = all->lengths[k],
                             .rank = number_of(sample, "rank"),
                             .score = number_of(sample, "score"),
                             .guided = NAN};
        ranked &= !isnan(entries[k].rank);
    }
    judge(page, all, entries);
    if (all->samples > 0)
        qsort(entries, all->samples, sizeof *entries, ranked ? by_rank : by_score);
    return entries;
}

static void put_sample(FILE *to, const entry *entry, const tw_rewarded *all, const tw_paint *scale)
{
    fputs("<article><h3>", to);
    if (!isnan(entry->rank))
        fprintf(to, "<b>#%.10g</b>", entry->rank);
    if (!isnan(entry->score))
        fprintf(to, "score %.4g ", entry->score);
    if (!isnan(entry->guided))
        fprintf(to, "&middot; guidance %.4g, its #%zu", entry->guided, entry->guided_rank);
    fputs("</h3>\n<p class=t tabindex=0>", to);
    for (size_t i = entry->first; i < entry->first + entry->length; i++) {
        const double value = all->rewards[i];
        fprintf(to, "<i class=%s title=%.4g>", shade_of(scale, value), value);
        put_piece(to, all->pieces[i]);
        fputs("</i>", to);
    }
    fputs("</p></article>\n", to);
}

static void put_record(FILE *to, const tw_page *page, const tw_record *record,
                       const tw_rewarded *all)
{
    const json_t *id = json_object_get(record->json, "id");
    tw_paint scale = {true, 0, 0};
    tw_paint_scale(&scale, all->rewards, all->count);
    fputs("<section tabindex=-1><div class=top><h2>", to);
    if (json_is_string(id))
        put_text(to, json_string_value(id), " ");
    else
        fprintf(to, "%lld", (long long)json_integer_value(id));
    fputs("</h2>", to);
    put_scale(to, &scale);
    fputs("</div>\n", to);
    if (record->prompt) {
        fputs("<p class=p tabindex=0>", to);
        put_text(to, record->prompt, "\n");
        fputs("</p>\n", to);
    }
    if (record->completion) {
        fputs("<p class='p r'><b>Reference</b> ", to);
        put_text(to, record->completion, "\n");
        fputs("</p>\n", to);
    }
    fputs("<div class=w>\n", to);
    entry *entries = order(page, record, all);
    for (size_t k = 0; k < all->samples; k++)
        put_sample(to, &entries[k], all, &scale);
    free(entries);
    fputs("</div></section>\n", to);
}

/* The text written so far becomes the caller's. */
static char *finish(FILE *to, char **text)
{
    if (fclose(to) == 0)
        return *text;
    tw_fail("cannot make the page: %m");
    free(*text);
    return NULL;
}

static FILE *begin(char **text, size_t *length)
{
    FILE *to = open_memstream(text, length);
    if (!to)
        tw_fail("cannot make the page: %m");
    return to;
}

char *tw_page_record(const tw_page *page, const tw_record *record)
{
    tw_rewarded all = {0};
    char *text = NULL;
    size_t length = 0;
    FILE *to = NULL;
    if (tw_rewarded_read(&all, record, page->tokenizer) == 0 && (to = begin(&text, &length))) {
        put_record(to, page, record, &all);
        text = finish(to, &text);
    }
    tw_rewarded_clear(&all);
    return text;
}

/* The last part of a path; the caller frees. */
static char *last_part(const char *path)
{
    size_t stop = strlen(path);
    while (stop > 1 && path[stop - 1] == '/')
        stop--;
    size_t start = stop;
    while (start > 0 && path[start - 1] != '/')
        start--;
    return tw_format("%.*s", (int)(stop - start), path + start);
}

char *tw_page_head(const char *model)
{
    char *text = NULL;
    size_t length = 0;
    FILE *to = begin(&text, &length);
    if (!to)
        return NULL;
    char *title = last_part(model ? model : "rewards");
    fputs("<!DOCTYPE html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n"
          "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src "
          "'unsafe-inline'; script-src 'unsafe-inline'\">\n"
          "<meta name=viewport content='width=device-width,initial-scale=1'>\n<title>",
          to);
    put_text(to, title, " ");
    fprintf(to, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<header><h1>", tw_page_style);
    put_text(to, title, " ");
    fputs("</h1>\n<label>Filter <input id=q type=search placeholder='id or text'></label>"
          "<span id=n></span>\n<span class=s>least reward of the group ",
          to);
    for (int i = 0; i < SHADES; i++)
        fprintf(to, "<i class=%s></i>", shades[i]);
    fputs(" greatest</span>\n<span class=s title='Tab to a text, then arrows'>keys: / filter, "
          "j k groups, Tab texts, &larr; &rarr; tokens</span>\n"
          "<output id=v aria-live=polite></output></header>\n<main>\n",
          to);
    free(title);
    return finish(to, &text);
}

char *tw_page_foot(void)
{
    return tw_format("</main>\n<script>\n%s</script>\n</body>\n</html>\n", tw_page_script);
}
