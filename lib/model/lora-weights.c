/* Values of adapters: adapter_model.safetensors, and initial ones. */

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/rng.h"
#include "model/lora.h"
#include "model/weights.h"
#include "tensor/safetensors.h"

static const char WEIGHTS[] = "adapter_model.safetensors";

/* torch's kaiming_uniform_(A, a=sqrt(5)): uniform within sqrt(6 / ((1 + 5) in)). B stays zero. */
static void initialise(struct tw_lora *lora)
{
    for (size_t i = 0; i < lora->count; i++) {
        const tw_tensor *a = lora->adapters[i].a;
        double bound = 1 / sqrt((double)a->width);
        for (size_t k = 0; k < a->rows * a->width; k++) {
            double u = tw_uniform(lora->seed, TW_RNG_INIT, i, (uint32_t)(k >> 32), (uint32_t)k);
            a->x[k] = (float)(bound * (2 * u - 1));
        }
    }
}

static int read_array(const tw_safetensors *file, const tw_tensor *tensor)
{
    const char *path = tw_safetensors_path(file);
    const tw_array *array = tw_safetensors_find(file, tensor->name);
    if (!array)
        return tw_fail("%s: tensor %s is missing", path, tensor->name);
    if (array->rank != 2 || array->shape[0] != tensor->rows || array->shape[1] != tensor->width)
        return tw_fail("%s: tensor %s: shape does not fit the base model and adapter_config.json, "
                       "expected [%zu, %zu]",
                       path, tensor->name, tensor->rows, tensor->width);
    return tw_array_to_f32(file, array, tensor->x);
}

/* All of the file is used: what is not known might change what the adapter computes. */
static int check_others(const struct tw_lora *lora, const tw_safetensors *file)
{
    for (size_t i = 0; i < tw_safetensors_count(file); i++) {
        const char *name = tw_safetensors_at(file, i)->name;
        if (!tw_params_find(&lora->params, name))
            return tw_fail("%s: tensor %s: the adapter has no such tensor, by target_modules in "
                           "adapter_config.json",
                           tw_safetensors_path(file), name);
    }
    return 0;
}

static int read_values(struct tw_lora *lora, const char *folder)
{
    char *path = tw_join_path(folder, WEIGHTS), *old = tw_join_path(folder, "adapter_model.bin");
    bool converts = access(path, F_OK) < 0 && access(old, F_OK) == 0;
    tw_safetensors *file = converts ? NULL : tw_safetensors_open(path);
    int status = file ? check_others(lora, file) : -1;
    if (converts)
        tw_fail("%s: no %s (adapter_model.bin is not read: convert it to safetensors)", folder,
                WEIGHTS);
    for (size_t i = 0; i < lora->params.count && status == 0; i++)
        status = read_array(file, lora->params.tensors[i]);
    tw_safetensors_close(file);
    free(old);
    free(path);
    return status;
}

int tw_lora_load(tw_model *model, const char *folder, bool trainable)
{
    struct tw_lora *lora = model->lora;
    tw_params_allocate(&lora->params, trainable);
    if (!lora->fresh)
        return read_values(lora, folder);
    initialise(lora);
    return 0;
}

int tw_lora_save(const tw_model *model, const char *folder)
{
    if (tw_lora_write_config(model, folder) < 0)
        return -1;
    char *path = tw_join_path(folder, WEIGHTS);
    int status = tw_weights_write(&model->lora->params, NULL, NULL, path);
    free(path);
    return status;
}
