#ifndef TW_TENSOR_SEGMENT_H
#define TW_TENSOR_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

#include "core/memory.h"

/* A batch is a forest of segments: the tokens of all sequences end to end, no
 * padding. A segment's tokens attend causally within it (in an encoder, to all of
 * it) and to all tokens of its ancestors; K generations of one prompt are K children of its
 * segment. Position ids continue from the parent. */

typedef struct tw_segment {
    size_t first, length; /* rows [first, first + length) of the batch */
    int64_t parent;       /* index of an earlier segment of the batch; -1: a root */
    size_t past;          /* tokens before its first one: sum of the ancestors' lengths, or,
                             with a cache, also of this slot's own earlier tokens */
    size_t slot;          /* with a cache: where keys and values live */
    int64_t source;       /* segment of batch->encoder that its tokens attend to, as their
                             children's do; -1: none, or, with a cache, kept in the slot */
} tw_segment;

/* Keys and values of earlier tokens, kept per slot while decoding. A slot's
 * tokens follow those of its parent slot; a parent must not grow any more once
 * it has children. */
typedef struct tw_slot {
    float *data; /* [layers][2][capacity, width]: keys, then values */
    size_t length, capacity;
    int64_t parent; /* slot, -1: none */
    /* Of a slot without parent in an encoder-decoder: keys and values of its source,
     * [layers][2][source_length, width], made once for all that stems from it. */
    float *source;
    size_t source_length, source_capacity;
} tw_slot;

typedef struct tw_cache {
    size_t layers, width; /* width of keys, of values */
    tw_slot *slots;
    size_t count;
} tw_cache;

typedef struct tw_batch tw_batch;
struct tw_batch {
    int32_t *tokens;    /* [rows] */
    int32_t *positions; /* [rows] */
    size_t rows, capacity;
    tw_segment *segments;
    size_t count, segment_capacity;
    tw_cache *cache;   /* NULL: attention sees this batch only */
    tw_batch *encoder; /* what an encoder reads; NULL until there is something */
};

void tw_batch_clear(tw_batch *batch);
void tw_batch_free(tw_batch *batch); /* its encoder's too, not the cache */

/* Appends a segment with a copy of tokens[length]; parent as in tw_segment.
 * Returns its index. */
size_t tw_batch_add(tw_batch *batch, const int32_t *tokens, size_t length, int64_t parent);

/* Appends a segment to batch->encoder; returns its index there, a `source`. */
size_t tw_batch_add_source(tw_batch *batch, const int32_t *tokens, size_t length);

/* Rows of the batch and its encoder's. */
size_t tw_batch_rows(const tw_batch *batch);

/* With a cache: appends `length` new tokens of a slot. */
size_t tw_batch_continue(tw_batch *batch, const int32_t *tokens, size_t length, size_t slot);

/* Room for capacity tokens in slot, and for no more: what was planned for must be what is taken
 * when slots change hands. Previous content is dropped. */
void tw_cache_open(tw_cache *cache, size_t slot, size_t capacity, int64_t parent);
/* Gives a slot's memory back. */
void tw_cache_close(tw_cache *cache, size_t slot);
/* Room in an open slot for a source of `length` tokens. */
void tw_cache_open_source(tw_cache *cache, size_t slot, size_t length);
void tw_cache_init(tw_cache *cache, size_t layers, size_t width, size_t slots);
void tw_cache_free(tw_cache *cache);

/* Slot `to` holds what `from` holds; it has room for that, and the same parent. */
void tw_cache_copy(tw_cache *cache, size_t to, size_t from);

/* After a forward pass over a batch with a cache: its tokens count as past. */
void tw_cache_commit(const tw_batch *batch);

/* Tokens in a slot and all of its ancestors. */
size_t tw_cache_past(const tw_cache *cache, size_t slot);

#endif
