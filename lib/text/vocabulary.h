#ifndef TW_TEXT_VOCABULARY_H
#define TW_TEXT_VOCABULARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The pieces of a tokenizer.json: id to piece, and the bytes of a word to an id. */

typedef struct tw_piece {
    char *text;   /* as the file spells it, UTF-8; NULL: no piece has this id */
    char *bytes;  /* what it stands for; NULL: not to be looked up */
    size_t count; /* of bytes */
    bool special; /* no text when decoded */
} tw_piece;

typedef struct tw_vocabulary {
    tw_piece *pieces; /* [size] */
    size_t size, capacity;
    int32_t *slots; /* [slot_count] open addressing; -1: empty */
    size_t slot_count, used;
    size_t longest; /* count of the longest bytes */
} tw_vocabulary;

/* Adds a piece. byte_level: it spells its bytes in GPT-2's alphabet, else it is them. -1
 * with a message when the id is taken or far beyond the number of pieces (`expected` in
 * all), or the piece is empty. A piece known by another id goes by the later one. */
int tw_vocabulary_add(tw_vocabulary *vocabulary, int64_t id, const char *piece, bool byte_level,
                      size_t expected);

/* The id of bytes[count], -1 if there is none. */
int32_t tw_vocabulary_find(const tw_vocabulary *vocabulary, const char *bytes, size_t count);

/* The id of a piece as the file spells it; byte_level as it was added. */
int32_t tw_vocabulary_find_piece(const tw_vocabulary *vocabulary, const char *piece,
                                 bool byte_level);

/* The ids of `<0x00>` .. `<0xFF>`, -1 where there is none. */
void tw_vocabulary_byte_pieces(const tw_vocabulary *vocabulary, int32_t ids[256]);

void tw_vocabulary_clear(tw_vocabulary *vocabulary);

#endif
