#include "guidance/guidance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "model/lora.h"
#include "model/masked-lm.h"
#include "model/prompt.h"

static const char SETTINGS[] = "guidance.json";
static const char *const aggregate_names[] = {"average", "sum", "softmax", "softmin"};
static const char *const bound_names[] = {"softplus", "sigmoid"};

/* A wider head than this in a file is a mistake or an attack. */
enum { HEAD_SIZE_MAX = 1 << 20 };

const tw_guidance_settings tw_guidance_defaults = {.aggregate = {TW_AGGREGATE_AVERAGE, 2},
                                                   .bound = TW_BOUND_SOFTPLUS,
                                                   .head_size = TW_HEAD_HIDDEN};

bool tw_guidance_is(const char *folder)
{
    char *path = tw_format("%s/%s", folder, SETTINGS);
    bool is = access(path, F_OK) == 0;
    free(path);
    return is;
}

/* Index of json's text among names, or -1. */
static int choice(const json_t *json, const char *field, const char *const *names, int count)
{
    const char *text = json_string_value(json_object_get(json, field));
    for (int i = 0; text && i < count; i++)
        if (strcmp(text, names[i]) == 0)
            return i;
    return tw_fail("%s: expected one of %s, %s%s", field, names[0], names[1],
                   count > 2 ? ", softmax, softmin" : "");
}

static int parse_settings(const json_t *json, tw_guidance_settings *settings)
{
    int aggregate = choice(json, "aggregate", aggregate_names, 4);
    if (aggregate < 0)
        return -1;
    int bound = choice(json, "bound", bound_names, 2);
    if (bound < 0)
        return -1;
    double temperature = json_number_value(json_object_get(json, "temperature"));
    if (!(temperature > 0) || !isfinite(temperature))
        return tw_fail("temperature: expected a number above 0");
    json_int_t size = json_integer_value(json_object_get(json, "head_size"));
    if (size < 1 || size > HEAD_SIZE_MAX)
        return tw_fail("head_size: expected an integer from 1 to %d", HEAD_SIZE_MAX);
    settings->aggregate.kind = (tw_aggregate_kind)aggregate;
    settings->aggregate.temperature = temperature;
    settings->bound = (tw_bound_kind)bound;
    settings->head_size = (size_t)size;
    return 0;
}

static int read_settings(const char *folder, tw_guidance_settings *settings)
{
    char *path = tw_format("%s/%s", folder, SETTINGS);
    json_error_t error;
    json_t *json = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    int status = json ? parse_settings(json, settings) : tw_fail("%s", error.text);
    if (status < 0)
        tw_fail_in("%s", path);
    json_decref(json);
    free(path);
    return status;
}

static int write_settings(const char *folder, const tw_guidance_settings *settings)
{
    char *path = tw_format("%s/%s", folder, SETTINGS);
    json_t *json =
        json_pack("{s:s, s:f, s:s, s:I}", "aggregate", aggregate_names[settings->aggregate.kind],
                  "temperature", settings->aggregate.temperature, "bound",
                  bound_names[settings->bound], "head_size", (json_int_t)settings->head_size);
    char *text = json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    int status = tw_write_file(path, text, strlen(text));
    free(text);
    json_decref(json);
    free(path);
    return status;
}

static void declare_head(tw_model *model, void *context)
{
    tw_guidance *guidance = context;
    tw_head_declare(&guidance->head, &model->params, "head", model->config.hidden_size,
                    guidance->settings.head_size, 1);
}

static tw_guidance *describe(const char *folder, const tw_guidance_settings *settings)
{
    tw_guidance *guidance = tw_alloc(1, sizeof *guidance);
    guidance->settings = *settings;
    guidance->model = tw_model_describe(folder, declare_head, guidance);
    if (guidance->model && tw_model_check_causal(guidance->model) == 0)
        return guidance;
    tw_guidance_free(guidance);
    return NULL;
}

static int no_head(const tw_guidance *guidance)
{
    return tw_fail("%s: model.safetensors: there is a %s, but no head.* weights",
                   guidance->model->path, SETTINGS);
}

/* Before data are read and memory is taken: by the headers of the weight files. */
static int check_head(const tw_guidance *guidance)
{
    const tw_model *model = guidance->model;
    tw_shards *shards = tw_shards_open(model->lora ? model->lora->base : model->path);
    tw_stored stored;
    if (!shards)
        return -1;
    const bool found = tw_shards_find(shards, guidance->head.weight1->name, &stored);
    tw_shards_close(shards);
    return found ? 0 : no_head(guidance);
}

tw_guidance *tw_guidance_describe(const char *folder)
{
    tw_guidance_settings settings = tw_guidance_defaults;
    if (tw_model_check_folder(folder) < 0)
        return NULL;
    if (!tw_guidance_is(folder)) {
        tw_fail("%s: no guidance model: it has no %s (make one with learn-guidance)", folder,
                SETTINGS);
        return NULL;
    }
    if (read_settings(folder, &settings) < 0)
        return NULL;
    tw_guidance *guidance = describe(folder, &settings);
    if (!guidance || check_head(guidance) == 0)
        return guidance;
    tw_guidance_free(guidance);
    return NULL;
}

tw_guidance *tw_guidance_draft(const char *folder, const tw_guidance_settings *settings,
                               uint64_t seed)
{
    tw_guidance *guidance = describe(folder, settings);
    if (guidance) {
        guidance->fresh = true;
        guidance->seed = seed;
    }
    return guidance;
}

int tw_guidance_load(tw_guidance *guidance, tw_use use)
{
    bool found = false;
    if (tw_model_load(guidance->model, use, &found) < 0)
        return -1;
    if (!found && !guidance->fresh)
        return no_head(guidance);
    if (guidance->fresh)
        tw_head_initialise(&guidance->head, guidance->seed);
    return 0;
}

static tw_guidance *loaded(tw_guidance *guidance, tw_use use)
{
    if (!guidance || tw_guidance_load(guidance, use) == 0)
        return guidance;
    tw_guidance_free(guidance);
    return NULL;
}

tw_guidance *tw_guidance_open(const char *folder, tw_use use)
{
    return loaded(tw_guidance_describe(folder), use);
}

tw_guidance *tw_guidance_start(const char *folder, const tw_guidance_settings *settings,
                               uint64_t seed)
{
    return loaded(tw_guidance_draft(folder, settings, seed), TW_USE_TRAINABLE);
}

size_t tw_guidance_target_bytes(const tw_guidance *guidance)
{
    return (2 * guidance->settings.head_size + 2) * sizeof(float);
}

int tw_guidance_check_policy(const tw_guidance *guidance, const tw_model *policy)
{
    const tw_model *model = guidance->model;
    const bool apart = tw_has_encoder(&model->config);
    if (tw_tokenizer_digest(model->tokenizer) != tw_tokenizer_digest(policy->tokenizer))
        return tw_fail("%s: its tokenizer is not that of the policy; learn guidance from this "
                       "policy's samples",
                       model->path);
    if (apart != tw_has_encoder(&policy->config))
        return tw_fail("%s: it and the policy do not read prompts alike: one of them has an "
                       "encoder",
                       model->path);
    if (!apart && model->config.max_positions < policy->config.max_positions)
        return tw_fail("%s: its context of %zu tokens is shorter than the policy's %zu",
                       model->path, model->config.max_positions, policy->config.max_positions);
    return 0;
}

int tw_guidance_save(const tw_guidance *guidance, const char *folder)
{
    if (tw_model_save(guidance->model, folder) < 0)
        return -1;
    return write_settings(folder, &guidance->settings);
}

void tw_guidance_free(tw_guidance *guidance)
{
    if (!guidance)
        return;
    tw_model_free(guidance->model);
    free(guidance);
}

tw_tensor *tw_guidance_rewards(const tw_guidance *guidance, tw_tape *tape, const tw_batch *batch)
{
    const tw_model *model = guidance->model;
    uint32_t *rows = tw_arena_alloc(tw_tape_arena(tape), batch->rows, sizeof *rows);
    size_t count = 0;
    for (size_t s = 0; s < batch->count; s++) {
        const tw_segment *segment = &batch->segments[s];
        for (size_t i = 0; segment->parent >= 0 && i < segment->length; i++)
            rows[count++] = (uint32_t)(segment->first + i);
    }
    tw_tensor *hidden = model->architecture->forward(model, tape, batch);
    hidden = tw_gather(tape, hidden, rows, count);
    tw_tensor *z = tw_head_forward(&guidance->head, tape, hidden);
    return tw_reward(tape, z, guidance->settings.bound);
}

void tw_guidance_of(const tw_guidance *guidance, tw_tape *tape, const int32_t *prompt,
                    size_t prompt_length, const tw_guided *generations, size_t count,
                    float *rewards)
{
    tw_batch batch = {0};
    size_t root = tw_model_add_prompt(guidance->model, &batch, prompt, prompt_length);
    for (size_t k = 0; k < count; k++)
        tw_batch_add(&batch, generations[k].ids, generations[k].length, (int64_t)root);
    tw_tape_reset(tape);
    const tw_tensor *r = tw_guidance_rewards(guidance, tape, &batch);
    memcpy(rewards, r->x, r->rows * sizeof *rewards);
    tw_batch_free(&batch);
}
