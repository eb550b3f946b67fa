#include "text/spiece-unigram.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "text/charsmap.h"
#include "text/spiece-proto.h"
#include "text/trie.h"
#include "text/utf8.h"

#define MARK "\u2581" /* of a blank */
#define REPLACEMENT_CHARACTER "\xEF\xBF\xBD"
enum { MARK_SIZE = sizeof MARK - 1 };

/* What an unknown character costs beyond the least likely piece. */
static const float penalty = 10;

struct tw_spiece_unigram {
    tw_trie trie;
    float *scores; /* by id */
    float unknown_score;
    int32_t unknown, bytes[256]; /* of <0xNN> */
    bool byte_fallback, prefix, strips;
    const uint8_t *units;     /* of the table of replacements; NULL: none */
    const char *replacements; /* NUL-terminated each */
};

static bool build(tw_spiece_unigram *u, const tw_sentencepiece *model, const tw_spiece_proto *proto)
{
    tw_sentencepiece_ids special;
    tw_sentencepiece_special(model, &special);
    tw_trie_key *keys = tw_alloc(proto->count, sizeof *keys);
    float least = FLT_MAX;
    size_t count = 0;
    bool sound = proto->unigram && proto->escapes && !proto->suffixes;
    u->scores = tw_alloc(proto->count, sizeof *u->scores);
    for (size_t i = 0; sound && i < proto->count; i++) {
        const tw_spiece_entry *entry = &proto->pieces[i];
        u->scores[i] = entry->score;
        sound = entry->type != TW_PIECE_USER && entry->type != TW_PIECE_UNUSED &&
                isfinite(entry->score);
        if (entry->type != TW_PIECE_NORMAL)
            continue;
        keys[count++] = (tw_trie_key){(const char *)entry->piece.at,
                                      (size_t)(entry->piece.end - entry->piece.at), (int32_t)i};
        least = fminf(least, entry->score);
    }
    if (sound)
        u->trie = tw_trie_new(keys, count);
    u->unknown_score = least - penalty;
    u->unknown = special.unknown;
    free(keys);
    return sound && count > 0;
}

static void find_bytes(tw_spiece_unigram *u, const tw_sentencepiece *model)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char piece[8];
        snprintf(piece, sizeof piece, "<0x%02X>", byte);
        u->bytes[byte] = tw_sentencepiece_find(model, piece);
        u->byte_fallback = u->byte_fallback && u->bytes[byte] >= 0;
    }
}

static void read_normalizer(tw_spiece_unigram *u, const tw_spiece_proto *proto, bool prefix)
{
    u->prefix = prefix && proto->prefix;
    u->strips = proto->strips;
    if (proto->charsmap.at == proto->charsmap.end)
        return;
    u->units = proto->charsmap.at + 4;
    u->replacements = (const char *)u->units + tw_charsmap_unit(proto->charsmap.at, 0);
}

tw_spiece_unigram *tw_spiece_unigram_new(const tw_sentencepiece *model, const char *bytes,
                                         size_t size, bool prefix)
{
    tw_spiece_proto proto;
    tw_spiece_unigram *u = tw_alloc(1, sizeof *u);
    bool sound = tw_spiece_proto_read(&proto, bytes, size) && build(u, model, &proto);
    if (sound) {
        u->byte_fallback = proto.byte_fallback;
        read_normalizer(u, &proto, prefix);
        find_bytes(u, model);
    }
    free(proto.pieces);
    if (sound)
        return u;
    tw_spiece_unigram_free(u);
    return NULL;
}

void tw_spiece_unigram_free(tw_spiece_unigram *u)
{
    if (!u)
        return;
    tw_trie_clear(&u->trie);
    free(u->scores);
    free(u);
}

/* The longest entry of the table that text[length] begins with: its replacement, and its
 * length in *used; NULL if there is none. */
static const char *find_entry(const tw_spiece_unigram *u, const char *text, size_t length,
                              size_t *used)
{
    const char *found = NULL;
    size_t at = tw_charsmap_offset(tw_charsmap_unit(u->units, 0));
    for (size_t i = 0; i < length; i++) {
        const uint8_t byte = (uint8_t)text[i];
        at ^= byte;
        const uint32_t unit = tw_charsmap_unit(u->units, at);
        if ((unit & 0x800000FF) != byte)
            break;
        at ^= tw_charsmap_offset(unit);
        if (unit >> 8 & 1) {
            found = u->replacements + (tw_charsmap_unit(u->units, at) & 0x7FFFFFFF);
            *used = i + 1;
        }
    }
    return found;
}

/* What becomes of the beginning of text[length > 0]: *size bytes, for *used of it. */
static const char *normalize_some(const tw_spiece_unigram *u, const char *text, size_t length,
                                  size_t *used, size_t *size)
{
    const char *entry = u->units ? find_entry(u, text, length, used) : NULL;
    if (entry) {
        *size = strlen(entry);
        return entry;
    }
    *used = tw_utf8_broken(text, length);
    if (tw_utf8_valid(text, *used)) {
        *size = *used;
        return text;
    }
    *used = 1;
    *size = sizeof REPLACEMENT_CHARACTER - 1;
    return REPLACEMENT_CHARACTER;
}

static bool ends_with_mark(const tw_bytes *text)
{
    return text->length >= MARK_SIZE &&
           memcmp(text->data + text->length - MARK_SIZE, MARK, MARK_SIZE) == 0;
}

/* The text as the pieces spell it. */
static void normalize(const tw_spiece_unigram *u, const char *text, size_t length, tw_bytes *to)
{
    bool begun = false, blank = u->strips;
    for (size_t i = 0, used, size; i < length; i += used) {
        const char *some = normalize_some(u, text + i, length - i, &used, &size);
        if (!begun && u->strips && size == 1 && *some == ' ')
            continue;
        if (!begun && u->prefix)
            tw_bytes_put(to, MARK, MARK_SIZE);
        begun = true;
        for (; blank && size > 0 && *some == ' '; size--)
            some++;
        for (size_t k = 0; k < size; k++)
            tw_bytes_put(to, some[k] == ' ' ? MARK : &some[k], some[k] == ' ' ? MARK_SIZE : 1);
        if (size > 0)
            blank = u->strips && some[size - 1] == ' ';
    }
    while (u->strips && ends_with_mark(to))
        to->length -= MARK_SIZE;
}

/* The best way to a place in a text. */
typedef struct place {
    float score;
    uint32_t start;
    int32_t id;   /* of the piece from `start`; -1: no way yet */
    uint32_t end; /* of the best way's piece from here */
} place;

/* Of equal sums, rounded to float, the first stays, as in sentencepiece 0.2; before, ties could
 * break the other way. */
static void offer(place *to, float score, size_t start, int32_t id)
{
    if (to->id < 0 || score > to->score)
        *to = (place){score, (uint32_t)start, id, 0};
}

/* By the lead byte alone: a replacement may be any bytes. */
static size_t character_at(const char *text, size_t length)
{
    static const unsigned char sizes[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4};
    const size_t size = sizes[(unsigned char)*text >> 4];
    return size < length ? size : length;
}

static void find_ways(const tw_spiece_unigram *u, const char *text, size_t length, place *places)
{
    for (size_t i = 0; i <= length; i++)
        places[i] = (place){0, 0, -1, 0};
    for (size_t i = 0, size; i < length; i += size) {
        const float here = places[i].score;
        bool whole = false;
        uint32_t node = 0;
        size = character_at(text + i, length - i);
        for (size_t k = i; k < length; k++) {
            node = tw_trie_step(&u->trie, node, (unsigned char)text[k]);
            if (node == 0)
                break;
            const int32_t id = u->trie.values[node];
            if (id < 0)
                continue;
            offer(&places[k + 1], u->scores[id] + here, i, id);
            whole = whole || k + 1 == i + size;
        }
        if (!whole)
            offer(&places[i + size], u->unknown_score + here, i, u->unknown);
    }
}

static void put_pieces(const tw_spiece_unigram *u, const char *text, size_t length, place *places,
                       tw_id_list *to)
{
    for (size_t at = length; at > 0; at = places[at].start)
        places[places[at].start].end = (uint32_t)at;
    bool unknown = false;
    for (size_t i = 0, end; i < length; i = end) {
        end = places[i].end;
        const int32_t id = places[end].id;
        if (id == u->unknown && u->byte_fallback) {
            for (size_t k = i; k < end; k++)
                tw_ids_put(to, &u->bytes[(unsigned char)text[k]], 1);
        } else if (id != u->unknown || !unknown) {
            tw_ids_put(to, &id, 1);
        }
        unknown = id == u->unknown;
    }
}

int tw_spiece_unigram_encode(const tw_spiece_unigram *u, const char *text, size_t length,
                             tw_id_list *to)
{
    enum { SHORT = 512 };
    place few[SHORT + 1], *places = few;
    tw_bytes normal = {0};
    normalize(u, text, length, &normal);
    if (normal.length > INT32_MAX) {
        free(normal.data);
        return tw_fail("cannot tokenize %zu bytes at once", length);
    }
    if (normal.length > SHORT)
        places = tw_alloc(normal.length + 1, sizeof *places);
    if (normal.length > 0) {
        find_ways(u, normal.data, normal.length, places);
        put_pieces(u, normal.data, normal.length, places, to);
    }
    if (places != few)
        free(places);
    free(normal.data);
    return 0;
}
