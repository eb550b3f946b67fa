#include "model/lora.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"

/* Defaults: PEFT's TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING. Linear: what goes through
 * tw_linear, that is what PEFT's "all-linear" comes to. */
static const tw_lora_layers known[] = {
    {"gpt2", "c_attn,c_proj,c_fc", "c_attn", TW_IN_OUT, "CAUSAL_LM"},
    {"llama", "q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj", "q_proj,v_proj", TW_OUT_IN,
     "CAUSAL_LM"},
    {"mistral", "q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj", "q_proj,v_proj",
     TW_OUT_IN, "CAUSAL_LM"},
    {"qwen2", "q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj", "q_proj,v_proj", TW_OUT_IN,
     "CAUSAL_LM"},
    {"qwen3", "q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj", "q_proj,v_proj", TW_OUT_IN,
     "CAUSAL_LM"},
    {"t5", "q,k,v,o,wi,wi_0,wi_1,wo", "q,v", TW_OUT_IN, "SEQ_2_SEQ_LM"},
    {"roberta", "query,key,value,dense", "query,value", TW_OUT_IN, "CAUSAL_LM"},
};

const tw_lora_layers *tw_lora_layers_of(const tw_model *model)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].model_type, model->architecture->model_type) == 0)
            return &known[i];
    return NULL;
}

int tw_lora_parse(const char *text, tw_lora_options *options)
{
    static const char EXPECTED[] = "expected RANK or RANK:ALPHA, an integer from 1 to 65536 and a "
                                   "positive number (--lora-targets names the layers)";
    char *end = NULL;
    long rank = *text >= '0' && *text <= '9' ? strtol(text, &end, 10) : 0;
    if (rank < 1 || rank > 65536 || (*end != '\0' && *end != ':'))
        return tw_fail("'%s': %s", text, EXPECTED);
    options->rank = (size_t)rank;
    options->alpha = 0;
    if (*end == '\0')
        return 0;
    const char *number = end + 1;
    options->alpha = *number >= '0' && *number <= '9' ? strtod(number, &end) : NAN;
    if (!(options->alpha > 0) || !isfinite(options->alpha) || *end != '\0')
        return tw_fail("'%s': %s", text, EXPECTED);
    return 0;
}

/* Whether `name` is an entry of "a,b,c". */
static bool lists(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == '\0'))
            return true;
    }
    return false;
}

/* PEFT's rule: a target is a module's whole name, or an end of it after a dot. */
static bool matches(const char *module, const char *target)
{
    size_t length = strlen(module), tail = strlen(target);
    return tail <= length && strcmp(module + length - tail, target) == 0 &&
           (tail == length || module[length - tail - 1] == '.');
}

/* The module of a matrix NAME.weight, NULL for other parameters; the caller frees. */
static char *module_of(const tw_tensor *tensor)
{
    static const char END[] = ".weight";
    size_t length = strlen(tensor->name), tail = sizeof END - 1;
    if (tensor->rank != 2 || length <= tail || strcmp(tensor->name + length - tail, END) != 0)
        return NULL;
    return tw_format("%.*s", (int)(length - tail), tensor->name);
}

static bool is_linear(const tw_lora_layers *layers, const char *module)
{
    const char *dot = strrchr(module, '.');
    return dot && lists(layers->linear, dot + 1);
}

static bool is_target(const json_t *targets, const char *module)
{
    const json_t *target;
    size_t i;
    json_array_foreach(targets, i, target)
    {
        if (matches(module, json_string_value(target)))
            return true;
    }
    return false;
}

/* Every target must be a linear layer, and one that there is. */
static int check_targets(const tw_model *model, const tw_lora_layers *layers, const json_t *targets)
{
    const json_t *target;
    size_t i;
    json_array_foreach(targets, i, target)
    {
        const char *name = json_string_value(target);
        size_t found = 0;
        for (size_t p = 0; p < model->params.count; p++) {
            char *module = module_of(model->params.tensors[p]);
            bool is = module && matches(module, name), linear = is && is_linear(layers, module);
            found += linear;
            free(module);
            if (is && !linear)
                return tw_fail("target %s: not a linear layer (%s are)", name, layers->linear);
        }
        if (found == 0)
            return tw_fail("target %s: the model has no such layer (%s are supported)", name,
                           layers->linear);
    }
    return 0;
}

static int declare_adapter(struct tw_lora *lora, tw_tensor *weight, const char *module,
                           tw_weight_layout layout)
{
    size_t in = layout == TW_IN_OUT ? weight->rows : weight->width;
    size_t out = layout == TW_IN_OUT ? weight->width : weight->rows;
    if (lora->rank > in || lora->rank > out)
        return tw_fail("rank %zu is larger than %s, [%zu, %zu]", lora->rank, module, weight->rows,
                       weight->width);
    char *a = tw_format("base_model.model.%s.lora_A.weight", module);
    char *b = tw_format("base_model.model.%s.lora_B.weight", module);
    lora->adapters[lora->count] =
        (tw_adapter){.a = tw_params_add(&lora->params, a, 2, lora->rank, in),
                     .b = tw_params_add(&lora->params, b, 2, out, lora->rank),
                     .scale = (float)(lora->alpha / (double)lora->rank)};
    lora->weights[lora->count] = weight;
    weight->adapter = &lora->adapters[lora->count++];
    free(b);
    free(a);
    return 0;
}

int tw_lora_declare(tw_model *model)
{
    struct tw_lora *lora = model->lora;
    const tw_lora_layers *layers = tw_lora_layers_of(model);
    if (!layers)
        return tw_fail("LoRA is not supported for model_type %s", model->architecture->model_type);
    if (check_targets(model, layers, lora->targets) < 0)
        return -1;
    lora->adapters = tw_alloc(model->params.count, sizeof *lora->adapters);
    lora->weights = tw_alloc(model->params.count, sizeof *lora->weights);
    int status = 0;
    for (size_t p = 0; p < model->params.count && status == 0; p++) {
        tw_tensor *weight = model->params.tensors[p];
        char *module = module_of(weight);
        if (module && is_target(lora->targets, module))
            status = declare_adapter(lora, weight, module, layers->layout);
        free(module);
    }
    return status;
}

/* "a,b" as an array; "all-linear" stands for all of them, as in PEFT. NULL on failure. */
static json_t *split_targets(const char *list, const char *linear)
{
    if (strcmp(list, "all-linear") == 0)
        list = linear;
    json_t *targets = json_array();
    for (;;) {
        size_t length = strcspn(list, ",");
        if (length == 0) {
            tw_fail("targets: expected names of layers, with commas between");
            json_decref(targets);
            return NULL;
        }
        json_array_append_new(targets, json_stringn(list, length));
        if (list[length] == '\0')
            return targets;
        list += length + 1;
    }
}

int tw_lora_add(tw_model *model, const tw_lora_options *options)
{
    const tw_lora_layers *layers = tw_lora_layers_of(model);
    struct tw_lora *lora = model->lora = tw_alloc(1, sizeof *lora);
    lora->rank = options->rank;
    lora->alpha = options->alpha > 0 ? options->alpha : 2 * (double)options->rank;
    lora->base = tw_strdup(model->path);
    lora->base_is_absolute = *lora->base == '/';
    lora->seed = options->seed;
    lora->fresh = true;
    if (layers) {
        lora->targets =
            split_targets(options->targets ? options->targets : layers->defaults, layers->linear);
        if (!lora->targets)
            return -1;
    }
    return tw_lora_declare(model) < 0 ? tw_fail_in("LoRA on %s", model->path) : 0;
}

void tw_lora_merge(tw_model *model)
{
    struct tw_lora *lora = model->lora;
    tw_weight_layout layout = tw_lora_layers_of(model)->layout;
    tw_params_own(&model->params);
    for (size_t i = 0; i < lora->count; i++) {
        tw_adapter_merge(&lora->adapters[i], layout, lora->weights[i]->x);
        lora->weights[i]->adapter = NULL;
    }
    lora->merged = true;
}

void tw_lora_free(struct tw_lora *lora)
{
    if (!lora)
        return;
    json_decref(lora->targets);
    tw_params_free(&lora->params);
    free(lora->adapters);
    free(lora->weights);
    free(lora->base);
    free(lora);
}
