#ifndef TW_METRIC_ROLL_H
#define TW_METRIC_ROLL_H

#include <stddef.h>
#include <stdint.h>

#include "stream/record.h"

/* Which records two systems were measured on: their ids, to pair them by. */

typedef struct tw_roll_entry {
    size_t id;          /* where in `ids` it begins, as JSON text: "1" is not 1 */
    size_t row;         /* from 0, in the order of their adding */
    uint64_t line;      /* for messages */
    uint64_t reference; /* hash of the completion that samples are compared with; 0: none */
} tw_roll_entry;

/* Start from {0} and a name. */
typedef struct tw_roll {
    const char *name;       /* of the file, for messages; borrowed */
    tw_roll_entry *entries; /* [count] */
    size_t count, capacity;
    char *ids; /* [id_bytes], each ended by a NUL */
    size_t id_bytes, id_capacity;
} tw_roll;

void tw_roll_add(tw_roll *roll, const tw_record *record);
/* Bytes that it takes now. */
size_t tw_roll_bytes(const tw_roll *roll);
void tw_roll_clear(tw_roll *roll); /* frees what it holds, not the struct */

typedef struct tw_pairing {
    size_t *a, *b; /* [count]: rows that belong together, in the order of a */
    size_t count;
    size_t unpaired; /* records of either file that the other one lacks */
} tw_pairing;

/* Pairs by id (and orders the rolls by it). Fails, naming ids and lines, when an id occurs
 * twice in a file, when more than max_unpaired records are in one file only, and when
 * the samples of a pair are compared with different completions. Free with
 * tw_pairing_clear, also after a failure. */
int tw_pair(tw_roll *a, tw_roll *b, uint64_t max_unpaired, tw_pairing *pairing);
void tw_pairing_clear(tw_pairing *pairing);
/* What pairing `records` of a takes, in bytes. */
size_t tw_pairing_bytes(size_t records);

#endif
