#ifndef TW_MODEL_MODEL_H
#define TW_MODEL_MODEL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/hash.h"
#include "core/places.h"
#include "model/rope.h"
#include "model/shards.h"
#include "model/stops.h"
#include "tensor/op.h"

#include "tensor/segment.h"
#include "tensor/tape.h"
#include "tensor/tensor.h"
#include "text/tokenizer.h"

/* Models: a Hugging Face folder (config.json, model.safetensors or shards of it,
 * tokenizer files), or that of an adapter to one (lora.h), on disk, parameters and an
 * architecture's forward pass in memory. */

typedef struct tw_config {
    size_t vocab_size, hidden_size, layers, heads, kv_heads, head_size, intermediate_size;
    size_t max_positions; /* context length; of an encoder-decoder: what prompts, and training
                             completions, are cut to unless told otherwise */
    float norm_epsilon;
    tw_activation_kind activation; /* of the feed-forward layers */
    int32_t bos, eos;              /* -1: none; eos closes what is learned on */
    tw_stops stops;                /* what ends a generation, eos among them */
    double initializer_range;
    /* Of the architectures that have a choice in these (llama.h). */
    bool tied; /* the output embedding is the input's */
    bool qkv_bias, output_bias, mlp_bias;
    bool head_norms; /* queries and keys are normalised, a head at a time */
    tw_rope_config rope;
    int32_t pad; /* pad_token_id, where it matters: in RoBERTa, in an encoder-decoder; else -1 */
    /* Of RoBERTa, where positions of text begin behind the padding token's number. */
    size_t token_types; /* embeddings of which the first is added to every token */
    /* Of an encoder-decoder (t5.h); `layers` are its decoder's. */
    size_t encoder_layers;        /* 0: there is no encoder beside a decoder */
    int32_t start;                /* decoder_start_token_id */
    bool gated;                   /* feed-forward: activation(a) b */
    size_t buckets, max_distance; /* of relative positions, see tw_buckets */
    float logit_scale; /* of hidden states before the output embedding; 0: they are as they are */
} tw_config;

static inline bool tw_has_encoder(const tw_config *config)
{
    return config->encoder_layers > 0;
}

typedef struct tw_model tw_model;

/* One architecture: one file of forward code. */
typedef struct tw_architecture {
    const char *model_type;        /* of config.json: "gpt2" */
    const char *class_name;        /* in transformers: "GPT2LMHeadModel" */
    const char *prefix;            /* of its own parameters' names; files may leave it out */
    const char *tied;              /* what files may call the output embedding a second time */
    const char *tied_bias;         /* the same of the output bias, where there is one */
    const char *const *embeddings; /* and the first parameter, the input embedding, or call it
                                      instead; to NULL. NULL: nothing */

    /* Its matrices are read through tensor/weight.h alone, so they may stay bf16 in the map. */
    bool packed;

    /* Whether a tensor is a constant that older files carry, to be passed over silently. */
    bool (*is_buffer)(const char *name);

    /* Fills config from json; every field that is not supported is refused by name. */
    int (*configure)(const json_t *json, tw_config *config);

    /* Corrects config by the tensors that there are; NULL: config.json says it all. */
    void (*correct)(tw_config *config, const tw_shards *shards);

    /* Declares the parameters in model->params, keeps what forward needs in model->state. */
    void (*declare)(tw_model *model);

    /* Initial values, a function of (seed, parameter, index) only. */
    void (*initialise)(tw_model *model, uint64_t seed);

    /* Hidden states after the final norm, [batch->rows, hidden_size]; of a prompt as
     * prompt.h adds it. */
    tw_tensor *(*forward)(const tw_model *model, tw_tape *tape, const tw_batch *batch);

    /* What its head makes of hidden states (any rows of them) before they meet the output embedding
     * and bias, the same shape; NULL: they are as they are. */
    tw_tensor *(*head)(const tw_model *model, tw_tape *tape, tw_tensor *hidden);

    /* Of a masked LM (masked-lm.h): hidden states after the first `layers` blocks,
     * [batch->rows, hidden_size]; NULL: a causal LM, which writes. */
    tw_tensor *(*masked)(const tw_model *model, tw_tape *tape, const tw_batch *batch,
                         size_t layers);

    /* What the model_type is where config.json says "is_decoder": true; NULL: the same. */
    const struct tw_architecture *decoder;
} tw_architecture;

/* NULL for a type that is not known (no message). */
const tw_architecture *tw_architecture_find(const char *model_type);
extern const tw_architecture tw_gpt2, tw_llama, tw_mistral, tw_qwen2, tw_qwen3, tw_roberta, tw_t5;

struct tw_model {
    const tw_architecture *architecture;
    tw_config config;
    json_t *json; /* config.json as read, written back with unknown fields kept */
    tw_params params;
    tw_tensor *output_embedding; /* [vocab_size, hidden_size]: logits = states W^T */
    tw_tensor *output_bias;      /* [1, vocab_size], added to the logits; NULL: none */
    void *state;                 /* of the architecture, free()d with the model */
    tw_tokenizer *tokenizer;
    tw_shards *weights;   /* kept open while parameters point into its map, else NULL */
    struct tw_lora *lora; /* its adapter (lora.h), NULL: none */
    size_t own_params;    /* the architecture's, before those of `extra` */
    char *path;           /* NULL: from scratch */
};

typedef enum tw_use {
    TW_USE_FROZEN,    /* values only */
    TW_USE_TRAINABLE, /* values and gradients, writable; an adapter is merged into them */
    TW_USE_ADAPTER    /* the same of the adapter, values only of all else */
} tw_use;

/* Whether path is a folder that may hold a model. What it is instead, and what to do then, is the
 * message: a name on a hub, a file, GGUF, a cache. */
int tw_model_check_folder(const char *path);

/* Opens a folder. Fails, naming file and field or tensor, on: not a folder, missing
 * files, only pytorch_model.bin, an architecture or config field that is not
 * supported, missing or misshapen tensors, NaN or infinite weights, a tokenizer
 * whose size exceeds vocab_size or does not fit. Unknown tensors are ignored with a
 * warning unless they are declared by `extra`. */
typedef void tw_declare_extra(tw_model *model, void *context);
tw_model *tw_model_open(const char *folder, tw_use use);

/* The same for a model with further parameters (a guidance head), declared by
 * extra(model, context) after the architecture's own. When the file lacks all of
 * them, they stay zero and *found is set to false. */
tw_model *tw_model_open_with(const char *folder, tw_use use, tw_declare_extra *extra, void *context,
                             bool *found);

/* The same in two steps, for what is to be known before memory is taken. Describing reads config
 * and tokenizer and declares the parameters, without values; the model cannot be used yet. */
tw_model *tw_model_describe(const char *folder, tw_declare_extra *extra, void *context);
/* Checks and takes the weights. *found as above, or NULL. After a failure the model is only to be
 * freed. */
int tw_model_load(tw_model *model, tw_use use, bool *found);

/* What training moves: the adapter's parameters if there is one, else the model's. */
tw_params *tw_model_trained(tw_model *model);

/* From scratch: config.json and a tokenizer, described only; then initial values, trainable. */
tw_model *tw_model_draft(const char *config_path, const char *tokenizer_path);
void tw_model_fill(tw_model *model, uint64_t seed);

/* The two in one step. */
tw_model *tw_model_init(const char *config_path, const char *tokenizer_path, uint64_t seed);

/* States to be multiplied with the output embedding, from hidden states (any rows of them); the
 * output bias comes on top. */
tw_tensor *tw_model_states(const tw_model *model, tw_tape *tape, tw_tensor *hidden);

/* logits[rows, vocab_size] of such states[rows, hidden_size]. A row's do not depend on the others.
 */
void tw_model_logits(const tw_model *model, const float *states, size_t rows, float *logits);

/* Writes config.json, generation_config.json, model.safetensors and the tokenizer's
 * files, or the adapter alone, into an existing folder (see core/folder.h). */
int tw_model_save(const tw_model *model, const char *folder);
void tw_model_free(tw_model *model); /* accepts NULL */

/* A model's folder as an input (core/places.h); of an adapter its base model's too. NULL: none. */
void tw_model_places(tw_places *places, const char *name, const char *folder);

/* Of the model in a folder: the XXH3-128 of lines "DIGEST  NAME\n", as xxh128sum prints them, of
 * those of its files that are there: config.json, generation_config.json, guidance.json, the
 * tokenizer's in the order of tw_tokenizer_file_names, and the weights in the order of
 * tw_shards_names. Of an adapter: of a line with its rank, alpha and targets, its weights, and then
 * the files of its base, wherever that is. */
int tw_model_digest(const char *folder, char digest[TW_XXH3_TEXT]);

/* "DIGEST  FOLDER", for a provenance. The caller frees; NULL on failure. */
char *tw_model_digest_line(const char *folder);

#endif
