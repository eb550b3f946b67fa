#ifndef TW_TEXT_SPIECE_PROTO_H
#define TW_TEXT_SPIECE_PROTO_H

#include <stdbool.h>
#include <stddef.h>

#include "text/proto.h"

/* What sentencepiece_model.proto holds beyond what the library tells. */

typedef enum tw_spiece_type {
    TW_PIECE_NORMAL = 1,
    TW_PIECE_UNKNOWN,
    TW_PIECE_CONTROL,
    TW_PIECE_USER,
    TW_PIECE_UNUSED,
    TW_PIECE_BYTE
} tw_spiece_type;

typedef struct tw_spiece_entry {
    tw_proto piece; /* its text, borrowed from the file */
    float score;
    uint64_t type;
} tw_spiece_entry;

typedef struct tw_spiece_proto {
    tw_spiece_entry *pieces; /* [count], owned */
    size_t count;
    bool unigram, bpe, byte_fallback, suffixes; /* of trainer_spec; suffixes: blanks end words */
    bool normalizes, strips, escapes, prefix; /* of normalizer_spec; identity does not normalize */
    tw_proto charsmap;                        /* precompiled_charsmap, borrowed */
} tw_spiece_proto;

/* From a whole model file, which must live as long. false: it is malformed. free(proto->pieces)
 * in any case. */
bool tw_spiece_proto_read(tw_spiece_proto *proto, const char *bytes, size_t size);

#endif
