#include "metric/paint.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/printable.h"
#include "metric/unicode.h"

/* Of xterm's 6 x 6 x 6 colour cube, light enough for black letters. */
static const int colours[] = {203, 209, 215, 221, 227, 191, 155, 119, 83};
enum { COLOURS = sizeof colours / sizeof *colours, SENTENCEPIECE_BLANK = 0x2581 };
#define RESET "\033[0m"
#define NEWLINE_SIGN "\u23CE"

typedef struct text {
    char *bytes;
    size_t length, capacity;
} text;

static void put(text *to, const char *bytes, size_t length)
{
    while (to->capacity - to->length <= length) {
        to->capacity = to->capacity ? 2 * to->capacity : 256;
        to->bytes = tw_realloc(to->bytes, to->capacity, 1);
    }
    memcpy(to->bytes + to->length, bytes, length);
    to->length += length;
    to->bytes[to->length] = '\0';
}

static void put_string(text *to, const char *string)
{
    put(to, string, strlen(string));
}

bool tw_paint_wanted(bool asked)
{
    const char *no_color = getenv("NO_COLOR");
    return asked && !(no_color && *no_color);
}

void tw_paint_scale(tw_paint *paint, const double *values, size_t count)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i]))
            continue;
        low = fmin(low, values[i]);
        high = fmax(high, values[i]);
    }
    paint->low = low <= high ? low : 0;
    paint->high = low <= high ? high : 0;
}

/* The colour of a value; -1 (none) of a NaN. */
static int colour_of(const tw_paint *paint, double value)
{
    if (isnan(value))
        return -1;
    const double width = paint->high - paint->low;
    const double share = width > 0 ? (value - paint->low) / width : 0.5;
    return colours[(int)(fmin(fmax(share, 0), 1) * (COLOURS - 1) + 0.5)];
}

static void begin(text *to, const tw_paint *paint, double value)
{
    char code[32];
    const int colour = colour_of(paint, value);
    if (!paint->color || colour < 0)
        return;
    snprintf(code, sizeof code, "\033[48;5;%d;38;5;16m", colour);
    put_string(to, code);
}

static void end(text *to, const tw_paint *paint, double value)
{
    if (paint->color && !isnan(value))
        put_string(to, RESET);
}

static void put_visible(text *to, uint32_t character)
{
    char bytes[TW_UTF8_MAX];
    if (character == SENTENCEPIECE_BLANK || character == '\t')
        character = ' ';
    else if (tw_is_control(character))
        character = '?';
    put(to, bytes, tw_utf8_put(bytes, character));
}

static void put_piece(text *to, const tw_paint *paint, const char *piece, double value)
{
    const char *stop = piece + strlen(piece);
    begin(to, paint, value);
    for (const char *at = piece; at < stop;) {
        const uint32_t character = tw_utf8_next(&at, stop);
        if (character != '\n') {
            put_visible(to, character);
            continue;
        }
        put_string(to, NEWLINE_SIGN);
        end(to, paint, value); /* or the colour would fill the rest of the line */
        put_string(to, "\n");
        begin(to, paint, value);
    }
    end(to, paint, value);
}

char *tw_paint_text(const tw_paint *paint, const char *const *pieces, const double *values,
                    size_t count)
{
    text to = {NULL, 0, 0};
    char number[48];
    put_string(&to, "");
    for (size_t i = 0; i < count; i++) {
        put_piece(&to, paint, pieces[i], values[i]);
        if (paint->color)
            continue;
        snprintf(number, sizeof number, "{%.3g}", values[i]);
        put_string(&to, number);
    }
    return to.bytes;
}

char *tw_paint_legend(const tw_paint *paint)
{
    text to = {NULL, 0, 0};
    char number[48];
    snprintf(number, sizeof number, "%.3g ", paint->low);
    put_string(&to, number);
    for (int i = 0; i < COLOURS && paint->color; i++) {
        const double value =
            paint->low + (paint->high - paint->low) * (double)i / (double)(COLOURS - 1);
        begin(&to, paint, value);
        put_string(&to, "  ");
        end(&to, paint, value);
    }
    snprintf(number, sizeof number, "%s%.3g", paint->color ? " " : "to ", paint->high);
    put_string(&to, number);
    return to.bytes;
}
