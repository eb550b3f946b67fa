#ifndef TW_MODEL_LORA_H
#define TW_MODEL_LORA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/model.h"
#include "tensor/adapter.h"

/* LoRA (Hu et al. 2021): a model whose own weights stay as they are, with a low-rank addition to
 * some of its linear layers. On disk a folder as PEFT (0.13) writes it:
 *
 *   adapter_config.json        peft_type "LORA", r, lora_alpha, target_modules, and
 *                              base_model_name_or_path: the base model's folder, relative to this
 *                              one unless absolute
 *   adapter_model.safetensors  base_model.model.MODULE.lora_A.weight [r, in] and
 *                              base_model.model.MODULE.lora_B.weight [out, r]
 *
 * The addition is lora_alpha / r times B A. tw_model_open opens such folders like others. */

typedef struct tw_lora_options {
    size_t rank;
    double alpha;        /* 0: twice the rank */
    const char *targets; /* "q_proj,v_proj"; NULL: PEFT's for the model_type */
    uint64_t seed;
} tw_lora_options;

/* model->lora. */
struct tw_lora {
    size_t rank;
    double alpha;
    json_t *targets;       /* array of names */
    char *base;            /* the base model's folder, as it opens from here */
    bool base_is_absolute; /* it was named so */
    tw_params params;      /* A, B, A, B ..., in the order of the modules */
    tw_adapter *adapters;  /* [count], of weights[count] */
    tw_tensor **weights;
    size_t count;
    uint64_t seed;
    bool fresh;  /* to be initialised, not read */
    bool merged; /* its values are in the weights: the model is an ordinary one */
};

/* "RANK[:ALPHA]" into rank and alpha; fails naming what is wrong. */
int tw_lora_parse(const char *text, tw_lora_options *options);

/* True if the folder holds an adapter_config.json. */
bool tw_lora_is(const char *folder);

/* Puts a fresh adapter on a model that is described but not loaded (tw_model_describe). Fails on
 * targets that the model does not have or that are no linear layers, and on a rank that is larger
 * than a matrix. Once loaded, A is uniform within 1/sqrt(in), as PEFT has it (a function of seed
 * and place), and B zero: the model computes what it did. */
int tw_lora_add(tw_model *model, const tw_lora_options *options);

/* Adds the adapter to the weights, which become the model's own; from then on tw_model_save
 * writes an ordinary model. */
void tw_lora_merge(tw_model *model);

/* The following are for lib/model. */

/* Reads adapter_config.json; NULL on failure. Refuses by name all that changes what an adapter
 * computes and is not supported (use_dora, rank_pattern ...). */
struct tw_lora *tw_lora_read_config(const char *folder);
int tw_lora_write_config(const tw_model *model, const char *folder);

/* Declares A and B of every target. */
int tw_lora_declare(tw_model *model);
/* Values of what is declared: read from `folder`, or initial ones. */
int tw_lora_load(tw_model *model, const char *folder, bool trainable);
/* adapter_config.json and adapter_model.safetensors. */
int tw_lora_save(const tw_model *model, const char *folder);
void tw_lora_free(struct tw_lora *lora); /* accepts NULL */

/* What is known of LoRA on a model_type; NULL: nothing. */
typedef struct tw_lora_layers {
    const char *model_type;
    const char *linear;   /* names of the linear layers, "a,b" */
    const char *defaults; /* PEFT's targets */
    tw_weight_layout layout;
    const char *task; /* task_type, but of masked LMs, which have none */
} tw_lora_layers;
const tw_lora_layers *tw_lora_layers_of(const tw_model *model);

#endif
