#ifndef TW_MODEL_FOOTPRINT_H
#define TW_MODEL_FOOTPRINT_H

#include "model/model.h"

/* What a described model will take, before any of it is taken. Bytes. */

typedef struct tw_footprint {
    size_t mapped;    /* weights that stay in the files' map */
    size_t values;    /* weights in memory */
    size_t adapter;   /* the adapter's weights in memory */
    size_t gradients; /* of what is trained; an optimizer's moments are as large each */
} tw_footprint;

/* Reads the headers of the weight files. Fails as opening them does. */
int tw_model_footprint(const tw_model *model, tw_use use, tw_footprint *footprint);

/* Rows of a batch, by what is computed for them. */
typedef struct tw_rows {
    size_t text;    /* tokens that the decoder (or the masked LM) reads */
    size_t source;  /* tokens that the encoder of an encoder-decoder reads */
    size_t targets; /* rows whose final states are gathered, for a loss or a head */
} tw_rows;

/* What a pass does with its rows. */
typedef struct tw_pass_kind {
    bool recording;    /* for a backward pass */
    size_t per_target; /* bytes that are made of a gathered state (values alone) */
    size_t at_end;     /* bytes of the tape's memory that are given back before gradients are
                          taken, as logits */
    bool recompute;    /* tw_tape_recompute */
} tw_pass_kind;

/* The activations of a forward pass: when it records, those of all layers (of one, and the inputs
 * of all, if layers are recomputed) and a layer's gradients, otherwise the most that is held at a
 * time, which is one layer's, or what is there at the end. Counted op by op as the architectures
 * have them, nearly. */
size_t tw_model_activation_bytes(const tw_model *model, const tw_rows *rows, tw_pass_kind kind);

/* The logits that are held at a time, with their rows in chunks (tw_cross_entropy). */
size_t tw_model_logit_bytes(const tw_model *model);

/* Keys and values of a token, or, in an encoder-decoder, of a token that the encoder read. */
size_t tw_model_cache_bytes(const tw_model *model);

/* What a thread needs for its products and scores, with sequences of up to `longest` tokens. */
size_t tw_model_scratch_bytes(size_t longest, bool recording);

#endif
