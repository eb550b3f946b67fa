#include "text/unigram.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "text/field.h"
#include "text/trie.h"
#include "text/utf8.h"

/* Words up to SHORT bytes need no memory of their own. */
enum { LONGEST = 1 << 26, SHORT = 256 };

/* What an unknown character costs beyond the least likely piece. */
static const double penalty = 10;

struct tw_unigram {
    tw_trie trie;
    double *scores; /* [pieces] */
    double unknown_score;
    int32_t unknown;    /* -1: none */
    int32_t bytes[256]; /* of <0xNN>, -1 if there is none */
    bool byte_fallback;
};

static int read_piece(tw_unigram *unigram, const json_t *entry, size_t id, size_t count,
                      tw_vocabulary *vocabulary)
{
    const char *piece = json_string_value(json_array_get(entry, 0));
    const json_t *score = json_array_get(entry, 1);
    if (json_array_size(entry) != 2 || !piece || !json_is_number(score))
        return tw_fail("expected a piece and its score");
    unigram->scores[id] = json_number_value(score);
    return tw_vocabulary_add(vocabulary, (int64_t)id, piece, false, count);
}

static int read_vocabulary(tw_unigram *unigram, const json_t *model, tw_vocabulary *vocabulary)
{
    const json_t *vocab = json_object_get(model, "vocab"), *entry;
    size_t count = json_array_size(vocab), i;
    double least = DBL_MAX;
    if (count == 0 || count >= INT32_MAX)
        return tw_fail("vocab: expected a list of pieces and their scores");
    unigram->scores = tw_alloc(count, sizeof *unigram->scores);
    json_array_foreach(vocab, i, entry)
    {
        if (read_piece(unigram, entry, i, count, vocabulary) < 0)
            return tw_fail_in("vocab: [%zu]", i);
        least = fmin(least, unigram->scores[i]);
    }
    unigram->unknown_score = least - penalty;
    return 0;
}

static void build_trie(tw_unigram *unigram, const tw_vocabulary *vocabulary)
{
    tw_trie_key *keys = tw_alloc(vocabulary->size, sizeof *keys);
    for (size_t i = 0; i < vocabulary->size; i++) {
        const tw_piece *piece = &vocabulary->pieces[i];
        keys[i] = (tw_trie_key){piece->bytes, piece->count, (int32_t)i};
    }
    unigram->trie = tw_trie_new(keys, vocabulary->size);
    free(keys);
}

static int read_model(tw_unigram *unigram, const json_t *model, tw_vocabulary *vocabulary)
{
    const json_t *unknown = json_object_get(model, "unk_id");
    json_int_t id = json_is_integer(unknown) ? json_integer_value(unknown) : -1;
    if (tw_field_bool(model, "byte_fallback", false, &unigram->byte_fallback) < 0 ||
        read_vocabulary(unigram, model, vocabulary) < 0)
        return -1;
    if (unknown && !json_is_null(unknown) && (id < 0 || (uint64_t)id >= vocabulary->size))
        return tw_fail("unk_id: expected an id below %zu", vocabulary->size);
    unigram->unknown = (int32_t)id;
    tw_vocabulary_byte_pieces(vocabulary, unigram->bytes);
    build_trie(unigram, vocabulary);
    return 0;
}

tw_unigram *tw_unigram_new(const json_t *model, tw_vocabulary *vocabulary)
{
    tw_unigram *unigram = tw_alloc(1, sizeof *unigram);
    if (read_model(unigram, model, vocabulary) == 0)
        return unigram;
    tw_unigram_free(unigram);
    return NULL;
}

void tw_unigram_free(tw_unigram *unigram)
{
    if (!unigram)
        return;
    tw_trie_clear(&unigram->trie);
    free(unigram->scores);
    free(unigram);
}

/* The best way to a place in a word: by the piece `id`, from `start`. */
typedef struct place {
    double score;
    uint32_t start;
    int32_t id;   /* -1: no way yet */
    uint32_t end; /* once the best way to the word's end is known: of its piece from here */
} place;

static void offer(place *to, double score, size_t start, int32_t id)
{
    if (to->id < 0 || score > to->score)
        *to = (place){score, (uint32_t)start, id, 0};
}

/* places[length + 1] of a word. -1 when there is no way. */
static int find_ways(const tw_unigram *unigram, const char *word, size_t length, place *places)
{
    for (size_t i = 0; i <= length; i++)
        places[i] = (place){0, 0, -1, 0};
    for (size_t i = 0, size; i < length; i += size) {
        const double here = places[i].score;
        bool whole = false;
        uint32_t node = 0;
        size = tw_utf8_broken(word + i, length - i);
        for (size_t k = i; k < length; k++) {
            node = tw_trie_step(&unigram->trie, node, (unsigned char)word[k]);
            if (node == 0)
                break;
            const int32_t id = unigram->trie.values[node];
            if (id < 0)
                continue;
            offer(&places[k + 1], unigram->scores[id] + here, i, id);
            whole = whole || k + 1 == i + size;
        }
        if (whole)
            continue;
        if (unigram->unknown < 0)
            return tw_fail("cannot tokenize: no piece spells '%.*s', and unk_id is null", (int)size,
                           word + i);
        offer(&places[i + size], unigram->unknown_score + here, i, unigram->unknown);
    }
    return 0;
}

/* What no piece spells, as bytes where all of them have pieces. */
static void put_unknown(const tw_unigram *unigram, const char *text, size_t length, tw_id_list *to)
{
    int32_t id = tw_trie_find(&unigram->trie, text, length);
    bool fallback = id < 0 && unigram->byte_fallback;
    for (size_t i = 0; fallback && i < length; i++)
        fallback = unigram->bytes[(unsigned char)text[i]] >= 0;
    if (!fallback) {
        tw_ids_put(to, id < 0 ? &unigram->unknown : &id, 1);
        return;
    }
    for (size_t i = 0; i < length; i++)
        tw_ids_put(to, &unigram->bytes[(unsigned char)text[i]], 1);
}

/* Unknown characters side by side are one. */
static void put_pieces(const tw_unigram *unigram, const char *word, size_t length,
                       const place *places, tw_id_list *to)
{
    for (size_t i = 0, end; i < length; i = end) {
        end = places[i].end;
        const int32_t id = places[end].id;
        if (id != unigram->unknown) {
            tw_ids_put(to, &id, 1);
            continue;
        }
        while (end < length && places[places[end].end].id == unigram->unknown)
            end = places[end].end;
        put_unknown(unigram, word + i, end - i, to);
    }
}

int tw_unigram_encode(const tw_unigram *unigram, const char *word, size_t length, tw_id_list *to)
{
    place few[SHORT + 1], *places = few;
    if (length > LONGEST)
        return tw_fail("cannot tokenize a word of %zu bytes (at most %d)", length, LONGEST);
    if (length > SHORT)
        places = tw_alloc(length + 1, sizeof *places);
    int status = find_ways(unigram, word, length, places);
    if (status == 0) {
        for (size_t at = length; at > 0; at = places[at].start)
            places[places[at].start].end = (uint32_t)at;
        put_pieces(unigram, word, length, places, to);
    }
    if (places != few)
        free(places);
    return status;
}
