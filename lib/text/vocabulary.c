#include "text/vocabulary.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/rng.h"
#include "text/byte-alphabet.h"

/* Ids may leave gaps, but no file makes us allocate for a gap much larger than itself. */
enum { GAP = 1 << 16 };

static size_t slot_of(const tw_vocabulary *vocabulary, const char *bytes, size_t count)
{
    size_t mask = vocabulary->slot_count - 1, slot = tw_hash(bytes, count) & mask;
    for (int32_t id; (id = vocabulary->slots[slot]) >= 0; slot = (slot + 1) & mask) {
        const tw_piece *piece = &vocabulary->pieces[id];
        if (piece->count == count && memcmp(piece->bytes, bytes, count) == 0)
            break;
    }
    return slot;
}

static void grow_table(tw_vocabulary *vocabulary)
{
    int32_t *old = vocabulary->slots;
    size_t old_count = vocabulary->slot_count;
    vocabulary->slot_count = old_count ? 2 * old_count : 1024;
    vocabulary->slots = tw_alloc(vocabulary->slot_count, sizeof *vocabulary->slots);
    memset(vocabulary->slots, 0xFF, vocabulary->slot_count * sizeof *vocabulary->slots);
    for (size_t i = 0; i < old_count; i++) {
        if (old[i] < 0)
            continue;
        const tw_piece *piece = &vocabulary->pieces[old[i]];
        vocabulary->slots[slot_of(vocabulary, piece->bytes, piece->count)] = old[i];
    }
    free(old);
}

static void enter(tw_vocabulary *vocabulary, int32_t id)
{
    if (2 * (vocabulary->used + 1) > vocabulary->slot_count)
        grow_table(vocabulary);
    const tw_piece *piece = &vocabulary->pieces[id];
    size_t slot = slot_of(vocabulary, piece->bytes, piece->count);
    vocabulary->used += vocabulary->slots[slot] < 0;
    vocabulary->slots[slot] = id;
    if (piece->count > vocabulary->longest)
        vocabulary->longest = piece->count;
}

static void make_room(tw_vocabulary *vocabulary, size_t size)
{
    if (size > vocabulary->capacity) {
        size_t capacity = 2 * vocabulary->capacity > size ? 2 * vocabulary->capacity : size;
        vocabulary->pieces = tw_realloc(vocabulary->pieces, capacity, sizeof *vocabulary->pieces);
        memset(vocabulary->pieces + vocabulary->capacity, 0,
               (capacity - vocabulary->capacity) * sizeof *vocabulary->pieces);
        vocabulary->capacity = capacity;
    }
    if (size > vocabulary->size)
        vocabulary->size = size;
}

int tw_vocabulary_add(tw_vocabulary *vocabulary, int64_t id, const char *piece, bool byte_level,
                      size_t expected)
{
    if (id < 0 || (uint64_t)id >= expected + GAP || id >= INT32_MAX)
        return tw_fail("%s: id %" PRId64 " is not one of a vocabulary of %zu pieces", piece, id,
                       expected);
    if (!*piece)
        return tw_fail("the piece of id %" PRId64 " is empty", id);
    make_room(vocabulary, (size_t)id + 1);
    tw_piece *entry = &vocabulary->pieces[id];
    if (entry->text)
        return tw_fail("%s: id %" PRId64 " is also that of %s", piece, id, entry->text);
    entry->text = tw_strdup(piece);
    tw_bytes bytes = {0};
    if (!byte_level) {
        tw_bytes_put(&bytes, piece, strlen(piece));
    } else if (!tw_byte_alphabet_read(piece, &bytes)) {
        free(bytes.data);
        return 0; /* only ever an added token */
    }
    entry->count = bytes.length;
    entry->bytes = tw_bytes_take(&bytes);
    enter(vocabulary, (int32_t)id);
    return 0;
}

int32_t tw_vocabulary_find(const tw_vocabulary *vocabulary, const char *bytes, size_t count)
{
    if (vocabulary->slot_count == 0 || count > vocabulary->longest)
        return -1;
    return vocabulary->slots[slot_of(vocabulary, bytes, count)];
}

int32_t tw_vocabulary_find_piece(const tw_vocabulary *vocabulary, const char *piece,
                                 bool byte_level)
{
    if (!byte_level)
        return tw_vocabulary_find(vocabulary, piece, strlen(piece));
    int32_t id = -1;
    tw_bytes bytes = {0};
    if (tw_byte_alphabet_read(piece, &bytes))
        id = tw_vocabulary_find(vocabulary, bytes.data, bytes.length);
    free(bytes.data);
    return id;
}

void tw_vocabulary_byte_pieces(const tw_vocabulary *vocabulary, int32_t ids[256])
{
    char piece[8];
    for (int byte = 0; byte < 256; byte++) {
        int length = snprintf(piece, sizeof piece, "<0x%02X>", (unsigned)byte);
        ids[byte] = tw_vocabulary_find(vocabulary, piece, (size_t)length);
    }
}

void tw_vocabulary_clear(tw_vocabulary *vocabulary)
{
    for (size_t i = 0; i < vocabulary->size; i++) {
        free(vocabulary->pieces[i].text);
        free(vocabulary->pieces[i].bytes);
    }
    free(vocabulary->pieces);
    free(vocabulary->slots);
    *vocabulary = (tw_vocabulary){0};
}
