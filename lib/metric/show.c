#include "metric/show.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

enum { PROMPT_SHOWN = 300 };

/* All samples' tokens end to end. */
typedef struct tokens {
    const char **pieces; /* [count], borrowed from the tokenizer */
    double *rewards;     /* [count] */
    size_t count, capacity;
} tokens;

static void add_token(tokens *all, const char *piece, double reward)
{
    if (all->count == all->capacity) {
        all->capacity = all->capacity ? 2 * all->capacity : 64;
        all->pieces = tw_realloc(all->pieces, all->capacity, sizeof *all->pieces);
        all->rewards = tw_realloc(all->rewards, all->capacity, sizeof *all->rewards);
    }
    all->pieces[all->count] = piece;
    all->rewards[all->count++] = reward;
}

static int gather(const tw_record *record, size_t k, const tw_tokenizer *tokenizer, tokens *all)
{
    const json_t *sample = json_array_get(record->samples, k);
    const json_t *ids = json_object_get(sample, "tokens");
    const json_t *rewards = json_object_get(sample, "rewards");
    const size_t count = json_array_size(ids);
    if (!json_is_array(ids))
        return tw_record_fail(record, "samples[%zu].tokens: expected an array of token ids", k);
    if (!json_is_array(rewards) || json_array_size(rewards) != count)
        return tw_record_fail(record, "samples[%zu].rewards: expected %zu numbers, one per token",
                              k, count);
    for (size_t i = 0; i < count; i++) {
        const json_int_t id = json_integer_value(json_array_get(ids, i));
        const json_t *reward = json_array_get(rewards, i);
        const char *piece =
            id >= 0 && id <= INT32_MAX ? tw_tokenizer_piece(tokenizer, (int32_t)id) : NULL;
        if (!piece)
            return tw_record_fail(record,
                                  "samples[%zu].tokens[%zu]: no token %lld in this "
                                  "vocabulary",
                                  k, i, (long long)id);
        if (!json_is_number(reward))
            return tw_record_fail(record, "samples[%zu].rewards[%zu]: expected a number", k, i);
        add_token(all, piece, json_number_value(reward));
    }
    return 0;
}

/* A line of text as painted tokens are: nothing in it can steer the terminal. */
static char *plain_line(const char *text, size_t length)
{
    const tw_paint none = {true, 0, 0};
    const double value = NAN; /* no colour */
    const size_t cut = length < PROMPT_SHOWN ? length : PROMPT_SHOWN;
    char *piece = tw_format("%.*s%s", (int)cut, text, cut < length ? " ..." : "");
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

static char *show(const tw_record *record, const tokens *all, bool color)
{
    tw_paint paint = {color, 0, 0};
    tw_paint_scale(&paint, all->rewards, all->count);
    char *text = tw_strdup("");
    char *line = plain_line(record->prompt ? record->prompt : "",
                            record->prompt ? strlen(record->prompt) : 0);
    append(&text, line, "");
    free(line);
    for (size_t k = 0, at = 0; k < json_array_size(record->samples); k++) {
        const json_t *sample = json_array_get(record->samples, k);
        const size_t count = json_array_size(json_object_get(sample, "tokens"));
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
    tokens all = {NULL, NULL, 0, 0};
    char *text = NULL;
    int status = 0;
    if (!record->samples)
        status = tw_record_fail(record, "samples: expected an array, got nothing");
    for (size_t k = 0; status == 0 && k < json_array_size(record->samples); k++)
        status = gather(record, k, tokenizer, &all);
    if (status == 0)
        text = show(record, &all, color);
    free(all.pieces);
    free(all.rewards);
    return text;
}
