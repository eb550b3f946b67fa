#include "metric/roll.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/rng.h"
#include "stream/json.h"

/* Returns where it begins. */
static size_t add_id(tw_roll *roll, const json_t *id)
{
    size_t length = 0;
    char *text = tw_json_text(id, &length);
    const size_t begin = roll->id_bytes;
    if (roll->id_capacity - begin < length + 1) {
        roll->id_capacity = 2 * roll->id_capacity + length + 1;
        roll->ids = tw_realloc(roll->ids, roll->id_capacity, 1);
    }
    memcpy(roll->ids + begin, text, length + 1);
    roll->id_bytes += length + 1;
    free(text);
    return begin;
}

void tw_roll_add(tw_roll *roll, const tw_record *record)
{
    if (roll->count == roll->capacity) {
        roll->capacity = roll->capacity ? 2 * roll->capacity : 256;
        roll->entries = tw_realloc(roll->entries, roll->capacity, sizeof *roll->entries);
    }
    const char *completion = record->samples ? record->completion : NULL;
    tw_roll_entry *entry = &roll->entries[roll->count];
    *entry = (tw_roll_entry){
        .id = add_id(roll, json_object_get(record->json, "id")),
        .row = roll->count++,
        .line = record->line,
        .reference = completion ? tw_hash(completion, strlen(completion)) : 0,
    };
}

size_t tw_roll_bytes(const tw_roll *roll)
{
    return roll->capacity * sizeof *roll->entries + roll->id_capacity;
}

void tw_roll_clear(tw_roll *roll)
{
    free(roll->entries);
    free(roll->ids);
    *roll = (tw_roll){.name = roll->name};
}

static const char *id_of(const tw_roll *roll, const tw_roll_entry *entry)
{
    return roll->ids + entry->id;
}

static int by_id(const void *a, const void *b, void *roll)
{
    const tw_roll_entry *x = a, *y = b;
    const int order = strcmp(id_of(roll, x), id_of(roll, y));
    return order ? order : (x->row > y->row) - (x->row < y->row);
}

static int sort(tw_roll *roll)
{
    if (roll->count > 0)
        qsort_r(roll->entries, roll->count, sizeof *roll->entries, by_id, roll);
    for (size_t i = 1; i < roll->count; i++) {
        const tw_roll_entry *one = &roll->entries[i - 1], *two = one + 1;
        if (strcmp(id_of(roll, one), id_of(roll, two)) == 0)
            return tw_fail("%s:%" PRIu64 ": id: expected a new one, got %.200s as in line %" PRIu64,
                           roll->name, two->line, id_of(roll, two), one->line);
    }
    return 0;
}

/* What a walk along both rolls finds. */
typedef struct walk {
    const tw_roll *rolls[2];
    const tw_roll_entry *alone[2]; /* the earliest of each file that the other one lacks */
    size_t alone_count[2];
    const tw_roll_entry *other; /* of a: the earliest pair with different references */
    size_t others;
} walk;

static void note(const tw_roll_entry **first, size_t *count, const tw_roll_entry *entry)
{
    if (!*first || entry->row < (*first)->row)
        *first = entry;
    (*count)++;
}

/* partners[row of a] = row of b + 1, 0: none. */
static void meet(walk *walk, size_t *partners)
{
    const tw_roll *a = walk->rolls[0], *b = walk->rolls[1];
    for (size_t i = 0, j = 0; i < a->count || j < b->count;) {
        const tw_roll_entry *x = a->entries + i, *y = b->entries + j;
        const int order = i == a->count ? 1 : j == b->count ? -1 : strcmp(id_of(a, x), id_of(b, y));
        if (order < 0)
            note(&walk->alone[0], &walk->alone_count[0], x);
        if (order > 0)
            note(&walk->alone[1], &walk->alone_count[1], y);
        if (order == 0) {
            partners[x->row] = y->row + 1;
            if (x->reference && y->reference && x->reference != y->reference)
                note(&walk->other, &walk->others, x);
        }
        i += order <= 0;
        j += order >= 0;
    }
}

/* `3 only in A (the first, line 7, is "x")`; the caller frees. */
static char *describe(const walk *walk, int side)
{
    const tw_roll_entry *first = walk->alone[side];
    const char *name = walk->rolls[side]->name;
    if (!first)
        return tw_format("none only in %s", name);
    return tw_format("%zu only in %s (id %.200s in line %" PRIu64 ")", walk->alone_count[side],
                     name, id_of(walk->rolls[side], first), first->line);
}

static int judge(const walk *walk, uint64_t max_unpaired)
{
    if (walk->alone_count[0] + walk->alone_count[1] > max_unpaired) {
        char *a = describe(walk, 0), *b = describe(walk, 1);
        tw_fail("expected the same ids in both files: %s, %s", a, b);
        free(a);
        free(b);
        return -1;
    }
    if (walk->others)
        return tw_fail("%s:%" PRIu64 ": id %.200s: its completion is another one in %s (so are "
                       "%zu in all): samples of different tasks are not to be compared",
                       walk->rolls[0]->name, walk->other->line, id_of(walk->rolls[0], walk->other),
                       walk->rolls[1]->name, walk->others);
    return 0;
}

int tw_pair(tw_roll *a, tw_roll *b, uint64_t max_unpaired, tw_pairing *pairing)
{
    walk walk = {.rolls = {a, b}};
    *pairing = (tw_pairing){0};
    if (sort(a) != 0 || sort(b) != 0)
        return -1;
    size_t *partners = tw_alloc(a->count, sizeof *partners);
    meet(&walk, partners);
    pairing->a = tw_alloc(a->count, sizeof *pairing->a);
    pairing->b = tw_alloc(a->count, sizeof *pairing->b);
    pairing->unpaired = walk.alone_count[0] + walk.alone_count[1];
    for (size_t row = 0; row < a->count; row++)
        if (partners[row]) {
            pairing->a[pairing->count] = row;
            pairing->b[pairing->count++] = partners[row] - 1;
        }
    free(partners);
    return judge(&walk, max_unpaired);
}

size_t tw_pairing_bytes(size_t records)
{
    const size_t sorting = sizeof(tw_roll_entry); /* qsort's room, before the rest is taken */
    return records * (sorting > 3 * sizeof(size_t) ? sorting : 3 * sizeof(size_t));
}

void tw_pairing_clear(tw_pairing *pairing)
{
    free(pairing->a);
    free(pairing->b);
    *pairing = (tw_pairing){0};
}
