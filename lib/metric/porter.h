#ifndef TW_METRIC_PORTER_H
#define TW_METRIC_PORTER_H

#include <stddef.h>

/* Porter's stemmer (M. F. Porter, "An algorithm for suffix stripping", Program
 * 14.3, 1980) with the departures that NLTK 3 makes by default: a pool of
 * irregular forms; words of one or two letters unchanged; "ies"/"ied" of four
 * letters; y -> i only after a consonant; "alli" first in step 2, "bli",
 * "fulli" and "logi"; *o also of a vowel and a consonant alone. The published
 * ROUGE and METEOR figures rest on exactly these, so it is own code: the
 * Snowball library's "porter" is the algorithm without them.
 *
 * text[length]: one word, lower-case and valid UTF-8; a "letter" is a character. Writes the
 * stem, which is never longer than the word, to stem[length] without a
 * terminator; returns its length. stem may be text itself. */
size_t tw_porter_stem(const char *text, size_t length, char *stem);

#endif
