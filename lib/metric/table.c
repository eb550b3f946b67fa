#include "metric/table.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

void tw_table_free(tw_table *table)
{
    free(table->keys);
    free(table->values);
    free(table->used);
    *table = (tw_table){0};
}

void tw_table_clear(tw_table *table, size_t count)
{
    if (table->slots < 2 * count + 2) {
        size_t slots = table->slots ? table->slots : 64;
        while (slots < 2 * count + 2)
            slots *= 2;
        tw_table_free(table);
        table->keys = tw_alloc(slots, sizeof *table->keys);
        table->values = tw_alloc(slots, sizeof *table->values);
        table->used = tw_alloc(slots, sizeof *table->used);
        table->slots = slots;
    }
    table->count = 0;
    if (++table->round == 0) {
        memset(table->used, 0, table->slots * sizeof *table->used);
        table->round = 1;
    }
}

/* Fibonacci hashing; the high bits are the well mixed ones. */
static size_t home(const tw_table *table, uint64_t key)
{
    return (size_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 20) & (table->slots - 1);
}

static bool locate(const tw_table *table, uint64_t key, size_t *slot)
{
    *slot = home(table, key);
    for (; table->used[*slot] == table->round; *slot = (*slot + 1) & (table->slots - 1))
        if (table->keys[*slot] == key)
            return true;
    return false;
}

int64_t *tw_table_at(tw_table *table, uint64_t key, int64_t initial)
{
    size_t slot;
    if (!locate(table, key, &slot)) {
        table->count++;
        assert(2 * table->count < table->slots);
        table->used[slot] = table->round;
        table->keys[slot] = key;
        table->values[slot] = initial;
    }
    return &table->values[slot];
}

int64_t *tw_table_find(const tw_table *table, uint64_t key)
{
    size_t slot;
    return locate(table, key, &slot) ? &table->values[slot] : NULL;
}
