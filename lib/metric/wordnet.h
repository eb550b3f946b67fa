#ifndef TW_METRIC_WORDNET_H
#define TW_METRIC_WORDNET_H

#include <stddef.h>

/* WordNet 3.0 as Princeton's files (wndb(5WN)): index.POS, data.POS and POS.exc
 * of noun, verb, adj, adv, as Debian's wordnet-base has them. The files are
 * mapped, not read: opening costs a fraction of a millisecond, a look-up some binary
 * searches, until there have been so many that a table of all words is made
 * (word_lines.h). Any number of threads may use an open WordNet. */

typedef struct tw_wordnet tw_wordnet;

/* folder NULL: $TOKENWISE_WORDNET, else /usr/share/wordnet. NULL on failure (a
 * file missing, empty or not WordNet's; the message names it and the package). */
tw_wordnet *tw_wordnet_open(const char *folder);
void tw_wordnet_close(tw_wordnet *wordnet); /* accepts NULL */

/* Called with one word of a synset, not terminated; the same one may come again. */
typedef void tw_synonym_visitor(void *context, const char *name, size_t length);

/* Visits the names of all lemmas of all synsets of word[length] (lower case) as
 * NLTK 3's wordnet.synsets(word) finds them: for each part of speech the word
 * and its base forms, these from the exception list if it has the word, else
 * from the rules of detachment applied once. Syntactic markers such as "(p)"
 * are cut off; names keep their upper case and underscores. Entries that
 * point outside their file are ignored. */
void tw_wordnet_synonyms(const tw_wordnet *wordnet, const char *word, size_t length,
                         tw_synonym_visitor *visit, void *context);

#endif
