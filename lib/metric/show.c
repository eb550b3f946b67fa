#include "metric/show.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "metric/rewarded.h"

/* Bytes of a prompt that is longer: its end tells prompts apart that begin with one instruction. */
enum { HEAD_SHOWN = 80, TAIL_SHOWN = 220 };

static bool continues(char byte)
{
    return ((unsigned char)byte & 0xC0) == 0x80;
}

/* The prompt, or its beginning and its end, whole characters; the caller frees. */
static char *shorten(const char *text)
{
    const size_t length = strlen(text);
    if (length <= HEAD_SHOWN + TAIL_SHOWN)
        return tw_strdup(text);
    size_t head = HEAD_SHOWN, tail = length - TAIL_SHOWN;
    while (head > 0 && continues(text[head]))
        head--;
    while (tail < length && continues(text[tail]))
        tail++;
    return tw_format("%.*s ... %s", (int)head, text, text + tail);
}

/* A line of text as painted tokens are: nothing in it can steer the terminal. */
static char *plain_line(const char *text)
{
    const tw_paint none = {true, 0, 0};
    const double value = NAN; /* no colour */
    char *piece = shorten(text);
    for (char *at = piece; *at; at++)
        if (*at == '\n')
            *at = ' ';
    const char *pieces[] = {piece};
    char *line = tw_paint_text(&none, pieces, &value, 1);
    free(piece);
    return line;
}

/* `#1  score 35.2  `, as far as the sample has them. */
static char *heading(const json_t *sample)
{
    const json_t *score = json_object_get(sample, "score");
    const json_t *rank = json_object_get(sample, "rank");
    char *place = json_is_integer(rank) ? tw_format("#%lld ", (long long)json_integer_value(rank))
                                        : tw_strdup("");
    char *text = json_is_number(score) ? tw_format("  %s%.4g  ", place, json_number_value(score))
                                       : tw_format("  %s ", place);
    free(place);
    return text;
}

/* Puts text behind *all, which is freed and replaced. */
static void append(char **all, const char *first, const char *second)
{
    char *longer = tw_format("%s%s%s\n", *all, first, second);
    free(*all);
    *all = longer;
}

static char *show(const tw_record *record, const tw_rewarded *all, bool color)
{
    tw_paint paint = {color, 0, 0};
    tw_paint_scale(&paint, all->rewards, all->count);
    char *text = tw_strdup("");
    char *line = plain_line(record->prompt ? record->prompt : "");
    append(&text, line, "");
    free(line);
    for (size_t k = 0, at = 0; k < json_array_size(record->samples); k++) {
        const json_t *sample = json_array_get(record->samples, k);
        const size_t count = all->lengths[k];
        char *front = heading(sample);
        line = tw_paint_text(&paint, all->pieces + at, all->rewards + at, count);
        append(&text, front, line);
        free(front);
        free(line);
        at += count;
    }
    line = tw_paint_legend(&paint);
    append(&text, "  reward ", line);
    free(line);
    return text;
}

char *tw_show_record(const tw_record *record, const tw_tokenizer *tokenizer, bool color)
{
    tw_rewarded all = {0};
    char *text = NULL;
    if (tw_rewarded_read(&all, record, tokenizer) == 0)
        text = show(record, &all, color);
    tw_rewarded_clear(&all);
    return text;
}
