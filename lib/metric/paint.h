#ifndef TW_METRIC_PAINT_H
#define TW_METRIC_PAINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Tokens coloured by a value: on a terminal's 256 colours from red (low) over
 * yellow to green (high) as background; without colours each token is followed
 * by its value, `word{0.53}`. Texts returned are the caller's to free(). */

typedef struct tw_paint {
    bool color;
    double low, high; /* the ends of the scale; what lies beyond is shown as the end */
} tw_paint;

/* Whether to use colours on a stream: `asked` and NO_COLOR (no-color.org) unset
 * or empty. */
bool tw_paint_wanted(bool asked);

/* Sets the ends of the scale to the least and greatest finite value. */
void tw_paint_scale(tw_paint *paint, const double *values, size_t count);

/* One line per line of text, without a final newline. pieces[count]: a leading
 * U+2581 (SentencePiece's blank) or blanks show as blanks, newlines break the
 * line after a visible sign, other control characters show as "?", so that no
 * text can steer the terminal. */
char *tw_paint_text(const tw_paint *paint, const char *const *pieces, const double *values,
                    size_t count);

/* `0.31 [colours] 0.87`, one line without newline. */
char *tw_paint_legend(const tw_paint *paint);

#endif
