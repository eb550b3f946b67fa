#ifndef TW_METRIC_LEXICON_H
#define TW_METRIC_LEXICON_H

#include <stddef.h>
#include <stdint.h>

#include "metric/wordnet.h"

/* Words as small integers, with their stems and synonyms remembered: two words
 * are equal exactly if their ids are. A lexicon belongs to one thread. */

typedef struct tw_lexicon tw_lexicon;

/* wordnet may be NULL (then no word has synonyms); it is borrowed. */
tw_lexicon *tw_lexicon_new(const tw_wordnet *wordnet);
void tw_lexicon_free(tw_lexicon *lexicon); /* accepts NULL */

/* The id of word[length]; ids count from 0. */
int32_t tw_lexicon_id(tw_lexicon *lexicon, const char *word, size_t length);

/* The text of a word; valid until the next call that may add one. */
const char *tw_lexicon_text(const tw_lexicon *lexicon, int32_t id, size_t *length);

/* The id of a word's Porter stem (porter.h). */
int32_t tw_lexicon_stem(tw_lexicon *lexicon, int32_t id);

/* The ids of a word's WordNet synonyms, each once: the lemma names of its
 * synsets without an underscore or an upper-case letter (no lower-cased token
 * equals one of those). Borrowed until the next call that may add a word; NULL
 * when there are none. */
const int32_t *tw_lexicon_synonyms(tw_lexicon *lexicon, int32_t id, size_t *count);

/* Forgets everything when the lexicon has grown beyond its bound (65,536 words
 * or 4 MB of text), so that endless input needs bounded memory. All ids become
 * invalid then; call it between texts. Returns whether it forgot. */
int tw_lexicon_trim(tw_lexicon *lexicon);

#endif
