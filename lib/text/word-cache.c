#include "text/word-cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/rng.h"

enum { SLOTS = 1 << 14, LOCKS = 64, WORD = 30, IDS = 8 };

typedef struct entry {
    int32_t ids[IDS];
    uint8_t length, count; /* length 0: empty */
    char word[WORD];
} entry; /* a cache line of 64 bytes */

struct tw_word_cache {
    entry *entries; /* [SLOTS] */
    pthread_mutex_t locks[LOCKS];
};

tw_word_cache *tw_word_cache_new(void)
{
    tw_word_cache *cache = tw_alloc(1, sizeof *cache);
    cache->entries = tw_alloc(SLOTS, sizeof *cache->entries);
    for (size_t i = 0; i < LOCKS; i++)
        pthread_mutex_init(&cache->locks[i], NULL);
    return cache;
}

void tw_word_cache_free(tw_word_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&cache->locks[i]);
    free(cache->entries);
    free(cache);
}

static size_t slot_of(const char *word, size_t length)
{
    uint64_t hash = tw_hash(word, length);
    return (hash ^ hash >> 32) % SLOTS;
}

bool tw_word_cache_find(tw_word_cache *cache, const char *word, size_t length, tw_id_list *to)
{
    if (length == 0 || length > WORD)
        return false;
    size_t slot = slot_of(word, length);
    pthread_mutex_lock(&cache->locks[slot % LOCKS]);
    entry found = cache->entries[slot];
    pthread_mutex_unlock(&cache->locks[slot % LOCKS]);
    if (found.length != length || memcmp(found.word, word, length) != 0)
        return false;
    tw_ids_put(to, found.ids, found.count);
    return true;
}

void tw_word_cache_keep(tw_word_cache *cache, const char *word, size_t length, const int32_t *ids,
                        size_t count)
{
    if (length == 0 || length > WORD || count > IDS)
        return;
    entry made = {.length = (uint8_t)length, .count = (uint8_t)count};
    memcpy(made.word, word, length);
    if (count > 0)
        memcpy(made.ids, ids, count * sizeof *ids);
    size_t slot = slot_of(word, length);
    pthread_mutex_lock(&cache->locks[slot % LOCKS]);
    cache->entries[slot] = made;
    pthread_mutex_unlock(&cache->locks[slot % LOCKS]);
}
