#ifndef TW_METRIC_WORDS_H
#define TW_METRIC_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metric/lexicon.h"

/* Texts cut into words. A tw_words may be filled again and again; it keeps its
 * memory. Start from {0}. */

typedef struct tw_words {
    int32_t *ids; /* [count], of a lexicon, or characters (chrf.h) */
    size_t count, capacity;
    size_t *ends; /* [sentences]: where each sentence ends in ids */
    size_t sentences, sentence_capacity;
    char *buffer; /* the word being read */
    size_t buffer_length, buffer_capacity;
} tw_words;

void tw_words_free(tw_words *words); /* what it holds, not the struct */

void tw_words_clear(tw_words *words); /* no words, the memory kept */

/* Adds a word to the end, to no sentence. */
void tw_words_add(tw_words *words, int32_t id);

/* The words of ROUGE, as rouge_score 0.1.2 cuts them: the text in lower case,
 * words are the runs of a-z and 0-9 (U+0130 lowers to an "i" that ends a run,
 * U+212A to "k"), each of more than three letters stemmed when `stem`.
 * Sentences are what newlines separate, those without words left out. */
void tw_words_rouge(tw_words *words, tw_lexicon *lexicon, const char *text, size_t length,
                    bool stem);

/* The words of METEOR and of the diversity metrics. NLTK's meteor_score leaves
 * the cutting to its caller; here a word is a run of word characters, and every
 * mark is a word of its own (unicode.h says which is which). As a regular
 * expression of Python's, `[WORD]+|[^WORD SPACE]` before str.lower on each
 * word. One sentence. */
void tw_words_meteor(tw_words *words, tw_lexicon *lexicon, const char *text, size_t length);

/* The number of words of a text as `wc -w` counts them: runs of anything but
 * ASCII white space. */
size_t tw_words_count(const char *text, size_t length);

#endif
