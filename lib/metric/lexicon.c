#include "metric/lexicon.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "metric/porter.h"
#include "metric/word_hash.h"

enum { UNKNOWN = -1, MAX_WORDS = 65536, MAX_TEXT = 4 << 20 };

typedef struct entry {
    size_t text, length;      /* into the lexicon's text */
    uint32_t synonyms, count; /* into the lexicon's synonyms; once known */
    int32_t stem;             /* UNKNOWN until asked for */
    bool synonyms_known;
} entry;

/* What tells a short word from others without a look at its entry. */
typedef struct slot {
    uint64_t key;    /* tw_word_key */
    uint32_t length; /* its low half */
    int32_t id;      /* UNKNOWN: empty */
} slot;

struct tw_lexicon {
    const tw_wordnet *wordnet;
    entry *entries;
    size_t count, capacity;
    slot *slots; /* [slot_count], a power of two */
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

static size_t home(const tw_lexicon *lexicon, uint64_t key, uint32_t length)
{
    return tw_word_hash(key, length) & (lexicon->slot_count - 1);
}

static bool is_long_word(const tw_lexicon *lexicon, int32_t id, const char *word, size_t length)
{
    const entry *e = &lexicon->entries[id];
    return e->length == length && memcmp(lexicon->text + e->text, word, length) == 0;
}

/* The slot that holds the word, or the empty one where it belongs. */
static slot *find_slot(const tw_lexicon *lexicon, uint64_t key, const char *word, size_t length)
{
    const size_t mask = lexicon->slot_count - 1;
    for (size_t at = home(lexicon, key, (uint32_t)length);; at = (at + 1) & mask) {
        slot *slot = &lexicon->slots[at];
        if (slot->id == UNKNOWN)
            return slot;
        if (slot->key == key && slot->length == (uint32_t)length &&
            (length <= TW_WORD_SHORT || is_long_word(lexicon, slot->id, word, length)))
            return slot;
    }
}

static void clear_slots(tw_lexicon *lexicon)
{
    for (size_t i = 0; i < lexicon->slot_count; i++)
        lexicon->slots[i] = (slot){0, 0, UNKNOWN};
}

/* Keeps at least a quarter of the slots empty. */
static void grow_slots(tw_lexicon *lexicon)
{
    slot *old = lexicon->slots;
    const size_t old_count = lexicon->slot_count;
    if (3 * old_count > 4 * lexicon->count)
        return;
    lexicon->slot_count = old_count ? 2 * old_count : 1024;
    lexicon->slots = tw_alloc(lexicon->slot_count, sizeof *lexicon->slots);
    clear_slots(lexicon);
    for (size_t i = 0; i < old_count; i++) {
        if (old[i].id == UNKNOWN)
            continue;
        size_t at = home(lexicon, old[i].key, old[i].length);
        while (lexicon->slots[at].id != UNKNOWN)
            at = (at + 1) & (lexicon->slot_count - 1);
        lexicon->slots[at] = old[i];
    }
    free(old);
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
    const uint64_t key = tw_word_key(word, length);
    grow_slots(lexicon);
    slot *slot = find_slot(lexicon, key, word, length);
    if (slot->id != UNKNOWN)
        return slot->id;
    if (lexicon->count == lexicon->capacity) {
        lexicon->capacity = lexicon->capacity ? 2 * lexicon->capacity : 512;
        lexicon->entries = tw_realloc(lexicon->entries, lexicon->capacity, sizeof(entry));
    }
    lexicon->entries[lexicon->count] =
        (entry){.text = keep_text(lexicon, word, length), .length = length, .stem = UNKNOWN};
    slot->key = key;
    slot->length = (uint32_t)length;
    slot->id = (int32_t)lexicon->count++;
    return slot->id;
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
        char few[64], *word = length <= sizeof few ? few : tw_alloc(length, 1);
        memcpy(word, text, length); /* the text moves as words are added */
        tw_wordnet_synonyms(lexicon->wordnet, word, length, gather, &g);
        if (word != few)
            free(word);
        entry *e = &lexicon->entries[id];
        e->synonyms = (uint32_t)g.first;
        e->count = (uint32_t)(lexicon->synonym_count - g.first);
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
    clear_slots(lexicon);
    return 1;
}
