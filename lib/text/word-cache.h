#ifndef TW_TEXT_WORD_CACHE_H
#define TW_TEXT_WORD_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/list.h"

/* The ids of words met before; thread-safe. Of a fixed size: a word takes the place of
 * whatever was there; long ones are not kept. */
typedef struct tw_word_cache tw_word_cache;

tw_word_cache *tw_word_cache_new(void);
void tw_word_cache_free(tw_word_cache *cache); /* accepts NULL */

/* Appends the ids of a word and returns true, or returns false. */
bool tw_word_cache_find(tw_word_cache *cache, const char *word, size_t length, tw_id_list *to);
void tw_word_cache_keep(tw_word_cache *cache, const char *word, size_t length, const int32_t *ids,
                        size_t count);

#endif
