#include "text/spiece-proto.h"

#include <string.h>

#include "core/memory.h"

static bool same(tw_proto text, const char *with)
{
    return (size_t)(text.end - text.at) == strlen(with) && memcmp(text.at, with, strlen(with)) == 0;
}

static bool read_piece(tw_proto message, tw_spiece_entry *entry)
{
    enum { PIECE = 1, SCORE = 2, TYPE = 3 };
    tw_proto_field field;
    *entry = (tw_spiece_entry){{message.end, message.end}, 0, TW_PIECE_NORMAL};
    while (message.at < message.end) {
        if (!tw_proto_next(&message, &field))
            return false;
        if (field.number == PIECE)
            entry->piece = field.content;
        const uint32_t bits = (uint32_t)field.value;
        if (field.number == SCORE)
            memcpy(&entry->score, &bits, sizeof entry->score);
        if (field.number == TYPE)
            entry->type = field.value;
    }
    return true;
}

static bool read_trainer(tw_proto message, tw_spiece_proto *proto)
{
    enum { MODEL_TYPE = 3, UNIGRAM = 1, BPE = 2, WHITESPACE_AS_SUFFIX = 24, BYTE_FALLBACK = 35 };
    tw_proto_field field;
    while (message.at < message.end) {
        if (!tw_proto_next(&message, &field))
            return false;
        if (field.number == MODEL_TYPE) {
            proto->unigram = field.value == UNIGRAM;
            proto->bpe = field.value == BPE;
        }
        if (field.number == WHITESPACE_AS_SUFFIX)
            proto->suffixes = field.value != 0;
        if (field.number == BYTE_FALLBACK)
            proto->byte_fallback = field.value != 0;
    }
    return true;
}

static bool read_normalizer(tw_proto message, tw_spiece_proto *proto)
{
    enum { NAME = 1, CHARSMAP = 2, DUMMY_PREFIX = 3, REMOVE_EXTRA = 4, ESCAPE = 5 };
    tw_proto_field field;
    while (message.at < message.end) {
        if (!tw_proto_next(&message, &field))
            return false;
        if ((field.number == NAME && !same(field.content, "identity")) ||
            (field.number == CHARSMAP && field.content.at < field.content.end))
            proto->normalizes = true;
        if (field.number == CHARSMAP)
            proto->charsmap = field.content;
        if (field.number == DUMMY_PREFIX)
            proto->prefix = field.value != 0;
        if (field.number == REMOVE_EXTRA)
            proto->strips = field.value != 0;
        if (field.number == ESCAPE)
            proto->escapes = field.value != 0;
    }
    return true;
}

bool tw_spiece_proto_read(tw_spiece_proto *proto, const char *bytes, size_t size)
{
    enum { PIECES = 1, TRAINER_SPEC = 2, NORMALIZER_SPEC = 3 };
    tw_proto all = {(const uint8_t *)bytes, (const uint8_t *)bytes + size};
    tw_proto_field field;
    size_t capacity = 0;
    bool sound = true;
    *proto = (tw_spiece_proto){.unigram = true, .strips = true, .escapes = true, .prefix = true};
    while (sound && all.at < all.end) {
        sound = tw_proto_next(&all, &field);
        if (sound && field.number == PIECES) {
            if (proto->count == capacity) {
                capacity = capacity ? 2 * capacity : 1024;
                proto->pieces = tw_realloc(proto->pieces, capacity, sizeof *proto->pieces);
            }
            sound = read_piece(field.content, &proto->pieces[proto->count++]);
        }
        if (sound && field.number == TRAINER_SPEC)
            sound = read_trainer(field.content, proto);
        if (sound && field.number == NORMALIZER_SPEC)
            sound = read_normalizer(field.content, proto);
    }
    return sound;
}
