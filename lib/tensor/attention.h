#ifndef TW_TENSOR_ATTENTION_H
#define TW_TENSOR_ATTENTION_H

#include "tensor/op.h"

/* Between attention.c (values) and attention-backward.c (gradients).
 *
 * Work is cut into blocks of TW_QUERY_BLOCK queries of one segment and head. The
 * keys a block sees are pieces: one for each ancestor (all of its tokens), then
 * the segment's own up to the block's last query, of which each row sees those
 * up to itself; all of the segment's own where attention is bidirectional, and nothing but
 * the segment's source where it is cross. Scores [queries, keys]
 * live in scratch memory and are computed anew for the gradient, so memory does not grow with the
 * square of the length. */

enum { TW_QUERY_BLOCK = 64, TW_MAX_DEPTH = 16 };

typedef struct tw_piece {
    const float *k, *v; /* first key, value of this head */
    float *dk, *dv;     /* their gradients; NULL outside the backward pass */
    size_t stride;      /* floats from one token to the next, of k, v, dk and dv */
    size_t v_stride;
    size_t length;
} tw_piece;

typedef struct tw_attend {
    tw_columns query, key, value;
    tw_attention_shape shape;
    const tw_batch *batch;
    tw_tensor *y;
    float *log_sum; /* [heads, rows] of exp(score), for the backward pass */
} tw_attend;

/* The pieces that `segment` sees, root first; returns their number. Those of the
 * segment itself come last, whole. */
size_t tw_attention_pieces(const tw_attend *op, size_t segment, size_t head, tw_piece *pieces);

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

/* What a block of queries sees. */
typedef struct tw_sight {
    size_t own, keys;   /* keys of the last piece, of all */
    size_t first, step; /* row r sees the first `first` + r * step keys */
    const float *bias;  /* row r and key t gain bias[t - r]; NULL: nothing */
    size_t bias_at;     /* of bias, in a head's values by distance */
} tw_sight;

/* Of the rows from row i of a segment on, `queries` of them. */
tw_sight tw_attention_sight(const tw_attend *op, size_t segment, size_t head,
                            const tw_piece *pieces, size_t count, size_t i, size_t queries);

/* scores [queries, keys] = scale q k^T over the pieces, and the bias; keys past the limit of a
 * row are not meaningful. The last piece is cut to sight->own tokens. */
void tw_attention_scores(const tw_attend *op, const float *q, size_t queries,
                         const tw_piece *pieces, size_t count, const tw_sight *sight,
                         float *scores);

void tw_attention_backward(tw_tape *tape, void *args);

#endif
