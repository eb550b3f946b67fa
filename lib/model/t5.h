#ifndef TW_MODEL_T5_H
#define TW_MODEL_T5_H

#include "model/model.h"

/* T5 (v1.0, v1.1, FLAN), shared by two files: t5-config.c (fields, parameters, initial values,
 * the definition of tw_t5) and t5.c (forward pass). A block is
 *   x += self.o(attention(self.norm(x)))       over the text; scores gain a bias by distance,
 *                                              of the stack's table
 *   x += cross.o(attention(cross.norm(x)))     decoder: keys and values of the encoder's output
 *   x += feed.out(activation(feed.in(b)) feed.up(b)), b = feed.norm(x)
 * where v1.0 has no feed.up. There are no biases, and scores are not scaled. Matrices are
 * TW_OUT_IN. w is hidden_size, n is intermediate_size, s is head_size. */

typedef struct t5_attention {
    tw_tensor *norm;      /* [1, w] */
    tw_tensor *q, *k, *v; /* [heads s, w] */
    tw_tensor *o;         /* [w, heads s] */
} t5_attention;

typedef struct t5_feed {
    tw_tensor *norm; /* [1, w] */
    tw_tensor *in;   /* [n, w] */
    tw_tensor *up;   /* [n, w]; NULL: not gated */
    tw_tensor *out;  /* [w, n] */
} t5_feed;

typedef struct t5_layer {
    t5_attention self, cross; /* cross of the decoder only */
    t5_feed feed;
} t5_layer;

typedef struct t5_stack {
    tw_tensor *relative; /* [buckets, heads] */
    tw_tensor *norm;     /* [1, w], after the last block */
    t5_layer *layers;    /* [count] */
    size_t count;
} t5_stack;

/* model->state; one allocation. */
typedef struct t5 {
    tw_tensor *embedding; /* [vocab_size, w], of both stacks, and the output's if tied */
    t5_stack encoder, decoder;
    t5_layer layers[]; /* the encoder's, then the decoder's */
} t5;

/* Hidden states of the decoder after its final norm, [batch->rows, w]: t5.c. */
tw_tensor *tw_t5_forward(const tw_model *model, tw_tape *tape, const tw_batch *batch);

#endif
