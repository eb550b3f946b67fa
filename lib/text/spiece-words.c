#include "text/spiece-words.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "text/bpe.h"
#include "text/spiece-proto.h"
#include "text/utf8.h"
#include "text/word-cache.h"

#define MARK "\u2581" /* of a blank */
#define REPLACEMENT_CHARACTER "\xEF\xBF\xBD"
enum { MARK_SIZE = sizeof MARK - 1 };

struct tw_spiece_words {
    tw_vocabulary vocabulary; /* the pieces that words may have */
    tw_bpe bpe;
    tw_word_cache *cache;
    bool prefix;
};

static size_t size_of(tw_proto text)
{
    return (size_t)(text.end - text.at);
}

/* Whether a blank stands behind something else. */
static bool crosses_words(tw_proto piece)
{
    bool begun = false;
    while (piece.at < piece.end) {
        const bool mark = size_of(piece) >= MARK_SIZE && memcmp(piece.at, MARK, MARK_SIZE) == 0;
        if (mark && begun)
            return true;
        begun = begun || !mark;
        piece.at += mark ? MARK_SIZE : 1;
    }
    return false;
}

static bool goes_by_words(const tw_spiece_proto *proto)
{
    if (!proto->bpe || !proto->escapes || proto->normalizes || proto->strips || proto->suffixes)
        return false;
    for (size_t i = 0; i < proto->count; i++) {
        const tw_spiece_entry *entry = &proto->pieces[i];
        if (entry->type == TW_PIECE_USER || entry->type == TW_PIECE_UNUSED ||
            (entry->type == TW_PIECE_NORMAL && crosses_words(entry->piece)))
            return false;
    }
    return true;
}

static bool add_pieces(tw_spiece_words *words, const tw_spiece_proto *proto)
{
    for (size_t i = 0; i < proto->count; i++) {
        const tw_spiece_entry *entry = &proto->pieces[i];
        if (entry->type != TW_PIECE_NORMAL)
            continue;
        char *piece = tw_format("%.*s", (int)size_of(entry->piece), (const char *)entry->piece.at);
        bool added =
            strlen(piece) == size_of(entry->piece) &&
            tw_vocabulary_add(&words->vocabulary, (int64_t)i, piece, false, proto->count) == 0;
        free(piece);
        if (!added)
            return false;
    }
    return true;
}

/* A piece and how early it is made: of equal scores the leftmost goes first, so they are equal. */
typedef struct ranked {
    float score;
    int32_t id, rank;
} ranked;

static int compare(const void *left, const void *right)
{
    const ranked *a = left, *b = right;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

/* The library makes a piece of any two that spell it. false when it could be made of a
 * character that is no piece. */
static bool add_merges(tw_spiece_words *words, const ranked *product)
{
    const tw_piece *piece = &words->vocabulary.pieces[product->id];
    size_t size = 0;
    for (size_t i = 0; i < piece->count; i += size) {
        size = tw_utf8_broken(piece->bytes + i, piece->count - i);
        int32_t left = i > 0 ? tw_vocabulary_find(&words->vocabulary, piece->bytes, i) : -1;
        int32_t right =
            left >= 0 ? tw_vocabulary_find(&words->vocabulary, piece->bytes + i, piece->count - i)
                      : -1;
        if (right >= 0)
            tw_merges_put(&words->bpe.merges, left, right, product->rank, product->id);
        if (tw_vocabulary_find(&words->vocabulary, piece->bytes + i, size) < 0)
            return false;
    }
    return true;
}

static bool add_all_merges(tw_spiece_words *words, const tw_spiece_proto *proto)
{
    ranked *order = tw_alloc(proto->count, sizeof *order);
    size_t count = 0, splits = 0;
    for (size_t i = 0; i < words->vocabulary.size; i++) {
        if (!words->vocabulary.pieces[i].text)
            continue;
        order[count++] = (ranked){proto->pieces[i].score, (int32_t)i, 0};
        splits += words->vocabulary.pieces[i].count;
    }
    if (count > 0)
        qsort(order, count, sizeof *order, compare);
    words->bpe.merges = tw_merges_new(splits);
    bool sound = true;
    for (size_t i = 0; sound && i < count; i++) {
        const bool tie = i > 0 && order[i].score == order[i - 1].score;
        order[i].rank = tie ? order[i - 1].rank : (int32_t)i;
        sound = add_merges(words, &order[i]);
    }
    free(order);
    return sound;
}

static bool build(tw_spiece_words *words, const tw_sentencepiece *model,
                  const tw_spiece_proto *proto)
{
    tw_sentencepiece_ids special;
    tw_sentencepiece_special(model, &special);
    words->bpe = (tw_bpe){.vocabulary = &words->vocabulary,
                          .fuse_unknown = true,
                          .unknown = special.unknown,
                          .byte_fallback = proto->byte_fallback};
    for (unsigned byte = 0; byte < 256; byte++) {
        char piece[8];
        snprintf(piece, sizeof piece, "<0x%02X>", byte);
        words->bpe.bytes[byte] = tw_sentencepiece_find(model, piece);
    }
    return add_pieces(words, proto) &&
           tw_vocabulary_find(&words->vocabulary, MARK, MARK_SIZE) >= 0 &&
           add_all_merges(words, proto);
}

tw_spiece_words *tw_spiece_words_new(const tw_sentencepiece *model, const char *bytes, size_t size,
                                     bool prefix)
{
    tw_spiece_proto proto;
    tw_spiece_words *words = tw_alloc(1, sizeof *words);
    words->prefix = prefix;
    words->cache = tw_word_cache_new();
    bool sound = tw_spiece_proto_read(&proto, bytes, size) && goes_by_words(&proto) &&
                 build(words, model, &proto);
    free(proto.pieces);
    if (sound)
        return words;
    tw_spiece_words_free(words);
    return NULL;
}

void tw_spiece_words_free(tw_spiece_words *words)
{
    if (!words)
        return;
    tw_word_cache_free(words->cache);
    tw_vocabulary_clear(&words->vocabulary);
    free(words->bpe.merges.slots);
    free(words);
}

static int put_word(const tw_spiece_words *words, const char *word, size_t length, tw_id_list *to)
{
    if (tw_word_cache_find(words->cache, word, length, to))
        return 0;
    const size_t before = to->count;
    if (tw_bpe_encode(&words->bpe, word, length, to) < 0)
        return -1;
    tw_word_cache_keep(words->cache, word, length, to->data + before, to->count - before);
    return 0;
}

/* The text as the library sees it: marks for blanks, U+FFFD for each byte that is not UTF-8. */
static void normalize(const tw_spiece_words *words, const char *text, size_t length, tw_bytes *to)
{
    tw_bytes_put(to, MARK, words->prefix ? MARK_SIZE : 0);
    for (size_t i = 0, run; i < length; i += run) {
        const char *blank = memchr(text + i, ' ', length - i);
        const size_t plain = (blank ? (size_t)(blank - text) : length) - i;
        run = tw_utf8_run(text + i, plain);
        tw_bytes_put(to, text + i, run);
        if (run == plain && blank)
            tw_bytes_put(to, MARK, MARK_SIZE);
        else if (run < plain)
            tw_bytes_put(to, REPLACEMENT_CHARACTER, sizeof REPLACEMENT_CHARACTER - 1);
        run += run < plain || blank;
    }
}

/* Where the marks from `at` on and what follows them end. */
static size_t word_end(const char *text, size_t at, size_t length)
{
    while (length - at >= MARK_SIZE && memcmp(text + at, MARK, MARK_SIZE) == 0)
        at += MARK_SIZE;
    const char *mark = memmem(text + at, length - at, MARK, MARK_SIZE);
    return mark ? (size_t)(mark - text) : length;
}

int tw_spiece_words_encode(const tw_spiece_words *words, const char *text, size_t length,
                           tw_id_list *to)
{
    tw_bytes normal = {0};
    int status = 0;
    if (length > 0)
        normalize(words, text, length, &normal);
    for (size_t i = 0, end; status == 0 && i < normal.length; i = end) {
        end = word_end(normal.data, i, normal.length);
        status = put_word(words, normal.data + i, end - i, to);
    }
    free(normal.data);
    return status;
}
