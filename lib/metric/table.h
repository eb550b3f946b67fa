#ifndef TW_METRIC_TABLE_H
#define TW_METRIC_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* A small hash table from 64-bit keys to numbers, cleared and used again for
 * each text: what the metrics count words, n-grams and positions with. Start
 * from {0}. */
typedef struct tw_table {
    uint64_t *keys;
    int64_t *values;
    uint32_t *used; /* the round that filled a slot */
    uint32_t round;
    size_t slots, count; /* slots a power of two */
} tw_table;

void tw_table_free(tw_table *table); /* what it holds, not the struct */

/* Empties the table and makes room for up to `count` keys. */
void tw_table_clear(tw_table *table, size_t count);

/* The value of a key; a new key begins with `initial`. The pointer holds until
 * the next clear. No more keys than were made room for (asserted). */
int64_t *tw_table_at(tw_table *table, uint64_t key, int64_t initial);

/* The same without adding: NULL if the key is not there. */
int64_t *tw_table_find(const tw_table *table, uint64_t key);

#endif
