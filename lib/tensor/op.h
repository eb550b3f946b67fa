#ifndef TW_TENSOR_OP_H
#define TW_TENSOR_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/segment.h"
#include "tensor/tape.h"
#include "tensor/tensor.h"

/* The ops. Each takes its inputs and a tape, returns its output, and has its
 * gradient beside it in one file. tests/unit/test_op.c holds each one to finite
 * differences. */

/* out[r] = tokens_table[tokens[r]] + positions_table[positions[r]] (the second may
 * be NULL). [rows, width]. Ids must be within the tables (the caller checks). */
tw_tensor *tw_embedding(tw_tape *tape, tw_tensor *token_table, tw_tensor *position_table,
                        const tw_batch *batch);

/* How a weight lies in its checkpoint. */
typedef enum tw_weight_layout {
    TW_IN_OUT, /* [in, out]: GPT-2's Conv1D */
    TW_OUT_IN  /* [out, in]: torch.nn.Linear */
} tw_weight_layout;

/* y = x W + b; bias [1, out] or NULL; with weight->adapter, what that adds (adapter.h). */
tw_tensor *tw_linear(tw_tape *tape, tw_tensor *x, tw_tensor *weight, tw_tensor *bias,
                     tw_weight_layout layout);

/* LayerNorm over the width: (x - mean) / sqrt(var + epsilon) * gain + bias. */
tw_tensor *tw_layer_norm(tw_tape *tape, tw_tensor *x, tw_tensor *gain, tw_tensor *bias,
                         float epsilon);

/* RMSNorm (Zhang & Sennrich 2019) of every gain->width values: of whole rows, or of each
 * head in a row of heads. x / sqrt(mean of x^2 + epsilon) * gain. */
tw_tensor *tw_rms_norm(tw_tape *tape, tw_tensor *x, tw_tensor *gain, float epsilon);

typedef enum tw_activation_kind {
    TW_GELU_TANH, /* 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))): "gelu_new" */
    TW_GELU_ERF,  /* x Phi(x), Phi the normal distribution: "gelu" */
    TW_SILU,      /* x / (1 + exp(-x)): "silu", "swish" */
    TW_RELU
} tw_activation_kind;

tw_tensor *tw_activate(tw_tape *tape, tw_tensor *x, tw_activation_kind kind);

/* SwiGLU's product (Shazeer 2020): gate / (1 + exp(-gate)) * up, the same shape. */
tw_tensor *tw_gated_silu(tw_tape *tape, tw_tensor *gate, tw_tensor *up);

/* factor * x. */
tw_tensor *tw_scale(tw_tape *tape, tw_tensor *x, float factor);

/* a * b, element by element, the same shape. */
tw_tensor *tw_multiply(tw_tape *tape, tw_tensor *a, tw_tensor *b);

/* a + b, the same shape. */
tw_tensor *tw_add(tw_tape *tape, tw_tensor *a, tw_tensor *b);

/* out[i] = x[rows[i]], [count, width]; rows is copied. */
tw_tensor *tw_gather(tw_tape *tape, tw_tensor *x, const uint32_t *rows, size_t count);

/* Rotary positions (Su et al. 2021): cosine and sine of position * frequencies[i] for the
 * rows of a batch and the `pairs` pairs of a head. In the tape's arena: one for all layers. */
typedef struct tw_rotation tw_rotation;
const tw_rotation *tw_rotation_of(tw_tape *tape, const float *frequencies, size_t pairs,
                                  const tw_batch *batch);

/* Turns the pairs (i, i + pairs) of every head of x, [rows, heads * 2 pairs]. */
tw_tensor *tw_rope(tw_tape *tape, tw_tensor *x, const tw_rotation *rotation);

/* Where queries, keys and values stand: columns [offset, offset + heads * head_size)
 * of a tensor [rows, *]. */
typedef struct tw_columns {
    tw_tensor *tensor;
    size_t offset;
} tw_columns;

/* What a score gains by the distance of key and query (T5's relative positions, Raffel et al.
 * 2020), for all layers that share a table: table[bucket of key - query, head]. In the tape's
 * arena; its gradient reaches the table when the tape is replayed. */
typedef struct tw_relative tw_relative;
typedef struct tw_buckets {
    size_t max_distance; /* beyond it all distances share a bucket */
    bool bidirectional;  /* half of the buckets for keys behind the query; else none */
} tw_buckets;

/* table [buckets, heads], at least 4 buckets; batch: that attention runs over. */
const tw_relative *tw_relative_of(tw_tape *tape, tw_tensor *table, tw_buckets rule,
                                  const tw_batch *batch);

/* The bucket of a distance (key - query), of `buckets` in all: one each for the nearest half,
 * wider and wider ones for the others. */
size_t tw_relative_bucket(int64_t distance, size_t buckets, tw_buckets rule);

typedef struct tw_attention_shape {
    size_t heads, kv_heads, head_size; /* heads is a multiple of kv_heads */
    size_t layer;                      /* of the batch's cache, if it has one */
    float scale;                       /* of the scores, 1/sqrt(head_size) as a rule */
    bool bidirectional;                /* a row sees all of its segment (an encoder's) */
    bool cross;                        /* keys and values are rows of batch->encoder: a row sees
                                          all of its segment's source, and nothing else */
    const tw_relative *relative;       /* added to the scores; NULL: nothing */
} tw_attention_shape;

/* softmax(scale q k^T) v over the segments of the batch. [rows, heads * head_size]. The batch
 * must stay as it is until the tape's backward pass. */
tw_tensor *tw_attention(tw_tape *tape, tw_columns query, tw_columns key, tw_columns value,
                        const tw_attention_shape *shape, const tw_batch *batch);

/* What tw_cross_entropy takes and gives, an entry a row of hidden; arrays are the caller's. */
typedef struct tw_token_loss {
    const int32_t *targets;      /* next token */
    const float *nll_weight;     /* d loss / d nll; NULL: values only */
    const float *entropy_weight; /* d loss / d entropy (negative rewards entropy); may be NULL */
    float *nll;                  /* out, nats; may be NULL */
    float *entropy;              /* out, nats, of the softmax; may be NULL */
    tw_tensor *bias;             /* [1, vocabulary], added to the logits; may be NULL */
} tw_token_loss;

/* logits = hidden W^T + bias (W [vocabulary, width], the output embedding), softmax, nll and
 * entropy, a chunk of rows at a time, and at once the gradients
 *   d loss / d logits = nll_weight (p - onehot) - entropy_weight p (log p + H)
 * into hidden, W and bias. Returns sum of nll_weight nll + entropy_weight entropy. */
double tw_cross_entropy(tw_tape *tape, tw_tensor *hidden, tw_tensor *weight,
                        const tw_token_loss *loss);

#endif
