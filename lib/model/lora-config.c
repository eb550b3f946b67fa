/* adapter_config.json. */

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "model/config.h"
#include "model/lora.h"

static const char CONFIG[] = "adapter_config.json";

enum { MAX_RANK = 1 << 16 };

/* Fields that are read, or that say nothing about what the adapter computes. fan_in_fan_out
 * follows from the architecture, in PEFT too. */
static const char *const handled[] = {"peft_type",
                                      "r",
                                      "lora_alpha",
                                      "target_modules",
                                      "bias",
                                      "task_type",
                                      "init_lora_weights",
                                      "base_model_name_or_path",
                                      "lora_dropout",
                                      "revision",
                                      "inference_mode",
                                      "fan_in_fan_out",
                                      "auto_mapping",
                                      "megatron_core",
                                      "layers_pattern",
                                      "qalora_group_size",
                                      "peft_version"};

/* null, false, {}, [] and "": what a field of PEFT holds when it is not in use. */
static bool is_empty(const json_t *value)
{
    return json_is_null(value) || json_is_false(value) ||
           (json_is_object(value) && json_object_size(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0) ||
           (json_is_string(value) && json_string_length(value) == 0);
}

static int refuse_others(const json_t *json)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)json, key, value)
    {
        bool known = false;
        for (size_t i = 0; i < sizeof handled / sizeof *handled && !known; i++)
            known = strcmp(handled[i], key) == 0;
        if (!known && !is_empty(value))
            return tw_fail("%s: not supported", key);
    }
    const json_t *initial = json_object_get(json, "init_lora_weights");
    const char *way = json_string_value(initial);
    /* The others (pissa, olora, loftq ...) change the base model's weights too. */
    if (way && strcmp(way, "gaussian") != 0)
        return tw_fail("init_lora_weights: %s is not supported", way);
    const json_t *bias = json_object_get(json, "bias");
    if (bias && !(json_is_string(bias) && strcmp(json_string_value(bias), "none") == 0))
        return tw_fail("bias: only none is supported");
    return 0;
}

/* Names; "all-linear" is not kept in files by PEFT, a pattern is. */
static int read_targets(const json_t *json, struct tw_lora *lora)
{
    const json_t *list = json_object_get(json, "target_modules"), *item;
    size_t i;
    if (!json_is_array(list) || json_array_size(list) == 0)
        return tw_fail("target_modules: expected a list of names (a pattern is not supported)");
    json_array_foreach(list, i, item)
    {
        if (!json_is_string(item) || json_string_length(item) == 0)
            return tw_fail("target_modules: expected a list of names");
    }
    lora->targets = json_deep_copy(list);
    return 0;
}

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static int read_base(const json_t *json, const char *folder, struct tw_lora *lora)
{
    const char *name = json_string_value(json_object_get(json, "base_model_name_or_path"));
    if (!name || !*name)
        return tw_fail("base_model_name_or_path: expected the base model's folder");
    lora->base_is_absolute = *name == '/';
    lora->base = *name == '/' ? tw_strdup(name) : tw_join_path(folder, name);
    if (!is_folder(lora->base))
        return tw_fail("base_model_name_or_path: there is no folder %s: set this field to the base "
                       "model's, absolute or relative to the adapter's folder",
                       lora->base);
    if (tw_lora_is(lora->base))
        return tw_fail("base_model_name_or_path: %s is an adapter itself, expected a model",
                       lora->base);
    return 0;
}

static int read_fields(const json_t *json, const char *folder, struct tw_lora *lora)
{
    const json_t *type = json_object_get(json, "peft_type");
    if (!json_is_string(type) || strcmp(json_string_value(type), "LORA") != 0)
        return tw_fail("peft_type: expected LORA");
    if (tw_config_size(json, "r", MAX_RANK, &lora->rank) < 0 ||
        tw_config_real(json, "lora_alpha", false, &lora->alpha) < 0)
        return -1;
    if (lora->rank == 0 || lora->alpha <= 0)
        return tw_fail("%s: missing", lora->rank == 0 ? "r" : "lora_alpha");
    if (refuse_others(json) < 0 || read_targets(json, lora) < 0)
        return -1;
    return read_base(json, folder, lora);
}

struct tw_lora *tw_lora_read_config(const char *folder)
{
    char *path = tw_join_path(folder, CONFIG);
    struct tw_lora *lora = NULL;
    json_t *json = tw_json_read(path);
    if (json) {
        lora = tw_alloc(1, sizeof *lora);
        if (read_fields(json, folder, lora) < 0) {
            tw_fail_in("%s", path);
            tw_lora_free(lora);
            lora = NULL;
        }
    }
    json_decref(json);
    free(path);
    return lora;
}

bool tw_lora_is(const char *folder)
{
    char *path = tw_join_path(folder, CONFIG);
    bool is = access(path, F_OK) == 0;
    free(path);
    return is;
}

/* The way from folder `from` to `to`, both absolute and without links: "../policy". */
static char *way_between(const char *from, const char *to)
{
    size_t same = 0, ups = 0;
    for (size_t i = 0;; i++) {
        bool ends = (from[i] == '/' || !from[i]) && (to[i] == '/' || !to[i]);
        if (ends)
            same = i;
        if (from[i] != to[i] || !from[i])
            break;
    }
    for (const char *at = from + same; *at; at++)
        ups += *at == '/' && at[1];
    const char *rest = to[same] == '/' ? to + same + 1 : to + same;
    char *way = tw_strdup(ups || *rest ? rest : ".");
    for (; ups > 0; ups--) {
        char *longer = tw_format(*way ? "../%s" : "..%s", way);
        free(way);
        way = longer;
    }
    return way;
}

/* The base's folder as it is to be found from `folder`: what was an absolute name stays one, else
 * folders that lie together may move together. The caller frees. */
static char *base_from(const struct tw_lora *lora, const char *folder)
{
    if (lora->base_is_absolute)
        return tw_strdup(lora->base);
    char *from = realpath(folder, NULL), *to = realpath(lora->base, NULL);
    char *way = from && to ? way_between(from, to) : tw_strdup(lora->base);
    free(to);
    free(from);
    return way;
}

int tw_lora_write_config(const tw_model *model, const char *folder)
{
    const struct tw_lora *lora = model->lora;
    const tw_lora_layers *layers = tw_lora_layers_of(model);
    const char *task = model->architecture->masked ? NULL : layers->task;
    char *base = base_from(lora, folder), *path = tw_join_path(folder, CONFIG);
    bool whole = lora->alpha == floor(lora->alpha) && lora->alpha < 1e15;
    json_t *alpha = whole ? json_integer((json_int_t)lora->alpha) : json_real(lora->alpha);
    json_t *json = json_pack(
        "{s:{}, s:n, s:s, s:s, s:b, s:b, s:b, s:n, s:n, s:n, s:{}, s:o, s:f, s:n, s:s, s:n, s:s, "
        "s:I, s:{}, s:n, s:O, s:s?, s:b, s:b}",
        "alpha_pattern", "auto_mapping", "base_model_name_or_path", base, "bias", "none",
        "fan_in_fan_out", layers->layout == TW_IN_OUT, "inference_mode", true, "init_lora_weights",
        true, "layer_replication", "layers_pattern", "layers_to_transform", "loftq_config",
        "lora_alpha", alpha, "lora_dropout", 0.0, "megatron_config", "megatron_core",
        "megatron.core", "modules_to_save", "peft_type", "LORA", "r", (json_int_t)lora->rank,
        "rank_pattern", "revision", "target_modules", lora->targets, "task_type", task, "use_dora",
        false, "use_rslora", false);
    int status = tw_json_write(path, json);
    json_decref(json);
    free(path);
    free(base);
    return status;
}
