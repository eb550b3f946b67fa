#ifndef TW_STREAM_BLOCK_H
#define TW_STREAM_BLOCK_H

#include "stream/record.h"

/* Records read together, to be worked on in parallel: at most
 * TW_BLOCK_RECORDS, and no further record once TW_BLOCK_BYTES of lines are
 * held, so that memory stays steady. Start from {0}. */

enum { TW_BLOCK_RECORDS = 256, TW_BLOCK_BYTES = 1 << 20 };

typedef struct tw_block {
    tw_record records[TW_BLOCK_RECORDS];
    size_t count;
    size_t limit; /* records of the next block: it doubles, for a quick first output */
} tw_block;

/* Clears the block and reads the next: 1, 0 at the end (the block is empty), -1
 * on a failure. It is short when further records are still on their way through a pipe. */
int tw_block_read(tw_block *block, tw_records *records);

void tw_block_clear(tw_block *block);

#endif
