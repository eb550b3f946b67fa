#include "metric/lexicon.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "metric/porter.h"

enum { UNKNOWN = -1, MAX_WORDS = 65536, MAX_TEXT = 4 << 20 };

typedef struct entry {
    uint64_t hash;
    size_t text, length;    /* into the lexicon's text */
    size_t synonyms, count; /* into the lexicon's synonyms; once known */
    int32_t stem;           /* UNKNOWN until asked for */
    bool synonyms_known;
} entry;

struct tw_lexicon {
    const tw_wordnet *wordnet;
    entry *entries;
    size_t count, capacity;
    int32_t *slots; /* [slot_count], a power of two; id or UNKNOWN */
    size_t slot_count;
    char *text;
    size_t text_length, text_capacity;
    int32_t *synonyms;
    size_t synonym_count, synonym_capacity;
};

tw_lexicon *tw_lexicon_new(const tw_wordnet *wordnet)
{
    tw_lexicon *lexicon = tw_alloc(1, sizeof *lexicon);
    lexicon->wordnet = wordnet;
    return lexicon;
}

void tw_lexicon_free(tw_lexicon *lexicon)
{
    if (!lexicon)
        return;
    free(lexicon->entries);
    free(lexicon->slots);
    free(lexicon->text);
    free(lexicon->synonyms);
    free(lexicon);
}

/* The slot that holds the word, or the empty one where it belongs. */
static size_t find_slot(const tw_lexicon *lexicon, const char *word, size_t length, uint64_t hash)
{
    const size_t mask = lexicon->slot_count - 1;
    size_t slot = hash & mask;
    for (;; slot = (slot + 1) & mask) {
        const int32_t id = lexicon->slots[slot];
        if (id == UNKNOWN)
            return slot;
        const entry *e = &lexicon->entries[id];
        if (e->hash == hash && e->length == length &&
            memcmp(lexicon->text + e->text, word, length) == 0)
            return slot;
    }
}

/* Keeps at least half of the slots empty. */
static void grow_slots(tw_lexicon *lexicon)
{
    if (lexicon->slot_count > 2 * lexicon->count)
        return;
    lexicon->slot_count = lexicon->slot_count ? 2 * lexicon->slot_count : 1024;
    lexicon->slots = tw_realloc(lexicon->slots, lexicon->slot_count, sizeof *lexicon->slots);
    memset(lexicon->slots, 0xFF, lexicon->slot_count * sizeof *lexicon->slots);
    const size_t mask = lexicon->slot_count - 1;
    for (size_t id = 0; id < lexicon->count; id++) {
        size_t slot = lexicon->entries[id].hash & mask;
        while (lexicon->slots[slot] != UNKNOWN)
            slot = (slot + 1) & mask;
        lexicon->slots[slot] = (int32_t)id;
    }
}

static size_t keep_text(tw_lexicon *lexicon, const char *word, size_t length)
{
    const size_t at = lexicon->text_length;
    while (lexicon->text_capacity - at <= length) {
        lexicon->text_capacity = lexicon->text_capacity ? 2 * lexicon->text_capacity : 8192;
        lexicon->text = tw_realloc(lexicon->text, lexicon->text_capacity, 1);
    }
    memcpy(lexicon->text + at, word, length);
    lexicon->text_length += length;
    return at;
}

int32_t tw_lexicon_id(tw_lexicon *lexicon, const char *word, size_t length)
{
    const uint64_t hash = tw_hash(word, length);
    grow_slots(lexicon);
    const size_t slot = find_slot(lexicon, word, length, hash);
    if (lexicon->slots[slot] != UNKNOWN)
        return lexicon->slots[slot];
    if (lexicon->count == lexicon->capacity) {
        lexicon->capacity = lexicon->capacity ? 2 * lexicon->capacity : 512;
        lexicon->entries = tw_realloc(lexicon->entries, lexicon->capacity, sizeof(entry));
    }
    lexicon->entries[lexicon->count] = (entry){
        .hash = hash, .text = keep_text(lexicon, word, length), .length = length, .stem = UNKNOWN};
    lexicon->slots[slot] = (int32_t)lexicon->count;
    return (int32_t)lexicon->count++;
}

const char *tw_lexicon_text(const tw_lexicon *lexicon, int32_t id, size_t *length)
{
    *length = lexicon->entries[id].length;
    return lexicon->text + lexicon->entries[id].text;
}

int32_t tw_lexicon_stem(tw_lexicon *lexicon, int32_t id)
{
    char few[128];
    size_t length;
    if (lexicon->entries[id].stem != UNKNOWN)
        return lexicon->entries[id].stem;
    const char *text = tw_lexicon_text(lexicon, id, &length);
    char *stem = length <= sizeof few ? few : tw_alloc(length, 1);
    const size_t stem_length = tw_porter_stem(text, length, stem);
    const int32_t stem_id = tw_lexicon_id(lexicon, stem, stem_length);
    lexicon->entries[id].stem = stem_id;
    if (stem != few)
        free(stem);
    return stem_id;
}

typedef struct gathering {
    tw_lexicon *lexicon;
    size_t first; /* synonyms of the word being looked up start here */
} gathering;

static bool can_match(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (name[i] == '_' || (name[i] >= 'A' && name[i] <= 'Z'))
            return false;
    return true;
}

static void gather(void *context, const char *name, size_t length)
{
    const gathering *g = context;
    tw_lexicon *lexicon = g->lexicon;
    if (!can_match(name, length))
        return;
    const int32_t id = tw_lexicon_id(lexicon, name, length);
    for (size_t i = g->first; i < lexicon->synonym_count; i++)
        if (lexicon->synonyms[i] == id)
            return;
    if (lexicon->synonym_count == lexicon->synonym_capacity) {
        lexicon->synonym_capacity =
            lexicon->synonym_capacity ? 2 * lexicon->synonym_capacity : 2048;
        lexicon->synonyms =
            tw_realloc(lexicon->synonyms, lexicon->synonym_capacity, sizeof *lexicon->synonyms);
    }
    lexicon->synonyms[lexicon->synonym_count++] = id;
}

const int32_t *tw_lexicon_synonyms(tw_lexicon *lexicon, int32_t id, size_t *count)
{
    if (lexicon->wordnet && !lexicon->entries[id].synonyms_known) {
        gathering g = {lexicon, lexicon->synonym_count};
        size_t length;
        const char *text = tw_lexicon_text(lexicon, id, &length);
        char *word = tw_alloc(length + 1, 1); /* the text moves as words are added */
        memcpy(word, text, length);
        tw_wordnet_synonyms(lexicon->wordnet, word, length, gather, &g);
        free(word);
        entry *e = &lexicon->entries[id];
        e->synonyms = g.first;
        e->count = lexicon->synonym_count - g.first;
        e->synonyms_known = true;
    }
    *count = lexicon->entries[id].count;
    return *count ? lexicon->synonyms + lexicon->entries[id].synonyms : NULL;
}

int tw_lexicon_trim(tw_lexicon *lexicon)
{
    if (lexicon->count <= MAX_WORDS && lexicon->text_length <= MAX_TEXT)
        return 0;
    lexicon->count = 0;
    lexicon->text_length = 0;
    lexicon->synonym_count = 0;
    memset(lexicon->slots, 0xFF, lexicon->slot_count * sizeof *lexicon->slots);
    return 1;
}
