#include "stream/block.h"

enum { FIRST = 8 };

int tw_block_read(tw_block *block, tw_records *records)
{
    size_t bytes = 0;
    tw_block_clear(block);
    block->limit = block->limit ? 2 * block->limit : FIRST;
    if (block->limit > TW_BLOCK_RECORDS)
        block->limit = TW_BLOCK_RECORDS;
    while (block->count < block->limit && bytes < TW_BLOCK_BYTES &&
           (block->count == 0 || tw_records_ready(records))) {
        const int status = tw_records_next(records, &block->records[block->count]);
        if (status < 0)
            return -1;
        if (status == 0)
            break;
        bytes += block->records[block->count++].bytes;
    }
    return block->count > 0;
}

void tw_block_clear(tw_block *block)
{
    for (size_t i = 0; i < block->count; i++)
        tw_record_clear(&block->records[i]);
    block->count = 0;
}
