#ifndef TW_TEXT_PROTO_H
#define TW_TEXT_PROTO_H

#include <stdbool.h>
#include <stdint.h>

/* The outer structure of protocol buffers, field by field. */
typedef struct tw_proto {
    const uint8_t *at, *end; /* what is left to read */
} tw_proto;

typedef struct tw_proto_field {
    uint64_t number;
    uint64_t value;   /* of a number, the bits of a float; 0 for others */
    tw_proto content; /* of a length-delimited field; empty for others */
} tw_proto_field;

/* Reads the field at from->at < from->end, which then stands behind it. false: it is
 * malformed. */
bool tw_proto_next(tw_proto *from, tw_proto_field *field);

#endif
