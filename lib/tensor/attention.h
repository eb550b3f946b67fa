#ifndef TW_TENSOR_ATTENTION_H
#define TW_TENSOR_ATTENTION_H

#include "tensor/op.h"

/* Between attention.c (values), attention-backward.c (gradients) and attention-block.c (who sees
 * what).
 *
 * A query is one head of one row. Segments that see the same keys before their own (children of one
 * parent, targets of one source) form a group, and the queries of a group whose heads share one
 * key-value head are cut into blocks of TW_QUERY_BLOCK: so the keys of a shared prompt are read
 * once for all of its samples and heads. A block's scores [queries, keys] live in scratch memory
 * and are computed anew for the gradient, so memory does not grow with the square of the length. */

enum { TW_QUERY_BLOCK = 64, TW_MAX_DEPTH = 16 };

/* Keys and values of a run of tokens, for one key-value head. */
typedef struct tw_keys {
    const float *k, *v; /* of the first token, [head_size] */
    float *dk, *dv;     /* their gradients; NULL outside the backward pass */
    size_t stride;      /* floats from one token to the next, of k and dk */
    size_t v_stride;    /* of v and dv */
    size_t length;
} tw_keys;

typedef struct tw_attend {
    tw_columns query, key, value;
    tw_attention_shape shape;
    const tw_batch *batch;
    tw_tensor *y;
    float *log_sum; /* [rows, heads] of exp(score), for the backward pass */
} tw_attend;

/* Segments [first, end) of the batch with the same keys before their own; `queries` for each
 * key-value head. */
typedef struct tw_group {
    size_t first, end, queries;
} tw_group;

/* The batch's groups, in the arena; returns their number. */
size_t tw_attention_groups(const tw_attend *op, tw_arena *arena, tw_group **groups);

typedef struct tw_query {
    size_t row, head;
    size_t limit; /* sees the first `limit` keys of its block's score row */
    size_t bias;  /* key t gains bias[t] from here on in tw_relative's values; if there are any */
} tw_query;

/* Queries [first, first + count) of a block, of one segment, and its own keys that they see. */
typedef struct tw_query_run {
    size_t first, count;
    tw_keys own;
} tw_query_run;

typedef struct tw_query_block {
    size_t count;
    tw_query queries[TW_QUERY_BLOCK];
    size_t ancestors; /* keys that all queries see, root first */
    tw_keys ancestor[TW_MAX_DEPTH];
    size_t runs;
    tw_query_run run[TW_QUERY_BLOCK];
    size_t shared, keys; /* ancestors' keys; width of a row of scores */
} tw_query_block;

/* Queries from number `first` of a group on, as many as a block holds, of one key-value head. */
void tw_attention_block(const tw_attend *op, const tw_group *group, size_t kv_head, size_t first,
                        tw_query_block *block);

/* tw_relative_of's values by distance, and room for their gradient. */
struct tw_relative {
    const float *values; /* [heads, 2 longest - 1], distance 0 in the middle */
    float *gradients;    /* the same; NULL: none are wanted */
    size_t longest;
};

static inline size_t tw_relative_width(const tw_relative *relative)
{
    return 2 * relative->longest - 1;
}

/* to[count, head_size]: the block's rows of x's columns from `offset` on, one head each. */
void tw_attention_gather(const tw_query_block *block, const float *x, size_t width, size_t offset,
                         size_t head_size, float *to);

/* scores[count, keys] = scale q k^T, and the bias; keys past the limit of a query are not
 * meaningful. q [count, head_size]. */
void tw_attention_scores(const tw_attend *op, const tw_query_block *block, const float *q,
                         float *scores);

/* Keys (which 0) or values (1) of a slot in a layer, [capacity, width], or of its source. */
float *tw_cached(const tw_cache *cache, size_t slot, size_t layer, size_t which);
float *tw_cached_source(const tw_cache *cache, const tw_slot *slot, size_t layer, size_t which);

void tw_attention_backward(tw_tape *tape, void *args);

#endif
