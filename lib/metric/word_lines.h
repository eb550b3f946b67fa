#ifndef TW_METRIC_WORD_LINES_H
#define TW_METRIC_WORD_LINES_H

#include <stdbool.h>
#include <stddef.h>

/* Texts whose lines are found by their first field, a word that ends before the first blank;
 * the lines of each text sorted by it, byte by byte. The first searches are binary and touch few
 * lines; with search TW_WORD_LINES_FEW all lines go into a hash table. For WordNet's files that
 * takes as long as 10,000 binary searches, and those to come are twenty times as quick. */

enum { TW_WORD_LINES_TEXTS = 8, TW_WORD_LINES_FEW = 1024 };

typedef struct tw_span {
    const char *text;
    size_t length;
} tw_span;

typedef struct tw_word_lines tw_word_lines;

/* The texts, [count], count <= TW_WORD_LINES_TEXTS, are borrowed. */
tw_word_lines *tw_word_lines_new(const tw_span *texts, size_t count);
void tw_word_lines_free(tw_word_lines *lines); /* accepts NULL */

/* The last line of a text whose first field is word, with all that follows it; false if there
 * is none. Any number of threads may search at once. In text that is not sorted, lines may be
 * missed. */
bool tw_word_lines_find(tw_word_lines *lines, size_t text, tw_span word, tw_span *found);

#endif
