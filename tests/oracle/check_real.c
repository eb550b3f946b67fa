/* Compares a model folder with what transformers made of it (tests/oracle/real.py): logits,
 * losses, gradients and a step of AdamW; greedy continuations and beams of models that write.
 * A line a quantity: the largest error, relative to the largest value, and its bound.
 * Usage: check_real FOLDER     exit status 1 when a bound is exceeded */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_real.h"
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "model/config.h"
#include "model/masked-lm.h"
#include "train/adam.h"

/* fp32 rounds to 6e-8, sums run over some thousand terms, through up to 30 layers. */
static const struct {
    const char *name;
    double bound;
} quantities[] = {
    {"logits", 1e-4},     {"nll", 1e-4},     {"gradient norm", 1e-4}, {"gradients", 1e-3},
    {"AdamW step", 1e-5}, {"greedy ids", 0}, {"ids of beams", 0},     {"scores of beams", 1e-5}};
/* Of double, in gradients, relative to the largest. */
static const double ROUNDING = 1e-12;

void report(check *check, quantity quantity, double error, const char *what)
{
    bool fine = error <= quantities[quantity].bound;
    printf("%-14s %-16s %10.1e %10.0e  %-4s %s\n", check->name, quantities[quantity].name, error,
           quantities[quantity].bound, fine ? "ok" : "BAD", what);
    fflush(stdout);
    check->failed |= !fine;
}

const json_t *field(const json_t *json, const char *key)
{
    const json_t *value = json_object_get(json, key);
    if (!value) {
        tw_warn("the record has no %s", key);
        exit(TW_EXIT_DATA);
    }
    return value;
}

double number(const json_t *json, const char *key)
{
    return json_number_value(field(json, key));
}

int32_t *ids_of(const json_t *list, size_t *count)
{
    *count = json_array_size(list);
    int32_t *ids = tw_alloc(*count + 1, sizeof *ids);
    for (size_t i = 0; i < *count; i++)
        ids[i] = (int32_t)json_integer_value(json_array_get(list, i));
    return ids;
}

/* The caller frees. */
static float *array_of(const check *check, const char *name, size_t count)
{
    const tw_array *array = tw_safetensors_find(check->arrays, name);
    float *values = tw_alloc(count, sizeof *values);
    if (!array || array->count != count || tw_array_to_f32(check->arrays, array, values) < 0) {
        tw_warn("the record has no %s of %zu values", name, count);
        exit(TW_EXIT_DATA);
    }
    return values;
}

static double largest(const float *x, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, fabs((double)x[i]));
    return most;
}

/* Against an array of the record, relative to its largest value; a value that is no number is an
 * infinite error. Gradients that are zero but for the rounding of double (of a bias that a softmax
 * does not see), below ROUNDING of the largest of all gradients, may be what fp32 makes of them,
 * 1e-7 of that largest one. */
static double largest_error(const check *check, const char *name, const float *x, size_t count,
                            double most_of_all)
{
    float *expected = array_of(check, name, count);
    double most = 0;
    for (size_t i = 0; i < count; i++) {
        double error = fabs((double)x[i] - (double)expected[i]);
        most = error <= most ? most : isnan(error) ? INFINITY : error;
    }
    double size = largest(expected, count);
    free(expected);
    return most / (size < ROUNDING * most_of_all ? 1e-4 * most_of_all : size);
}

/* A text of a masked LM, and the rows of it that have a target. */
static void add_masked(tw_forest *forest, const json_t *entry)
{
    size_t length, count, targets, n = forest->count;
    int32_t *ids = ids_of(field(entry, "tokens"), &length);
    int32_t *rows = ids_of(field(entry, "rows"), &count);
    int32_t *wanted = ids_of(field(entry, "targets"), &targets);
    size_t first = forest->batch.rows;
    tw_batch_add(&forest->batch, ids, length, -1);
    forest->count = forest->capacity = n + count;
    forest->rows = tw_realloc(forest->rows, n + count, sizeof *forest->rows);
    forest->ids = tw_realloc(forest->ids, n + count, sizeof *forest->ids);
    forest->nll_weight = tw_realloc(forest->nll_weight, n + count, sizeof *forest->nll_weight);
    forest->nll = tw_realloc(forest->nll, n + count, sizeof *forest->nll);
    for (size_t i = 0; i < count; i++) {
        forest->rows[n + i] = (uint32_t)(first + (size_t)rows[i]);
        forest->ids[n + i] = wanted[i];
    }
    free(wanted);
    free(rows);
    free(ids);
}

/* Rows with a target: of completions behind their prompt, or those given of a text. */
static void add_entry(check *check, const json_t *entry)
{
    size_t length, count, k;
    const json_t *completion, *prompt = json_object_get(entry, "prompt");
    tw_forest *forest = &check->forest;
    if (!prompt) {
        add_masked(forest, entry);
        return;
    }
    int32_t *ids = ids_of(prompt, &length);
    size_t segment = tw_forest_prompt(forest, check->model, ids, length);
    free(ids);
    json_array_foreach(field(entry, "completions"), k, completion)
    {
        ids = ids_of(completion, &count);
        tw_forest_completion(forest, segment, ids, count);
        free(ids);
    }
}

static void check_logits(check *check)
{
    size_t count = check->forest.count, vocabulary = check->model->config.vocab_size;
    float *logits = tw_alloc(count * vocabulary, sizeof *logits);
    tw_tape *tape = tw_tape_new(false);
    tw_lm_logits(check->model, tape, &check->forest.batch, check->forest.rows, count, NULL, 0,
                 logits);
    report(check, LOGITS, largest_error(check, "logits", logits, count * vocabulary, 0), "");
    tw_tape_free(tape);
    free(logits);
}

static void check_loss(check *check)
{
    tw_forest *forest = &check->forest;
    for (size_t i = 0; i < forest->count; i++)
        forest->nll_weight[i] = 1.0F / (float)forest->count;
    tw_tape *tape = tw_tape_new(true);
    if (check->model->architecture->masked)
        tw_lm_loss(check->model, tape, &forest->batch, forest->rows, forest->count,
                   &(tw_token_loss){.targets = forest->ids,
                                    .nll_weight = forest->nll_weight,
                                    .nll = forest->nll});
    else
        tw_forest_loss(forest, check->model, tape);
    tw_tape_free(tape);
    report(check, NLL, largest_error(check, "nll", forest->nll, forest->count, 0), "");
}

/* The parameter whose gradient has the largest error; `most` is the largest gradient of all. */
static double gradient_error(const check *check, double most, const char **which)
{
    const tw_params *params = &check->model->params;
    double worst = 0;
    for (size_t i = 0; i < params->count; i++) {
        const tw_tensor *tensor = params->tensors[i];
        char *name = tw_format("gradient.%s", tensor->name);
        size_t count = tensor->rows * tensor->width;
        double error = largest_error(check, name, tensor->dx, count, most);
        if (!(error <= worst)) {
            worst = error;
            *which = tensor->name;
        }
        free(name);
    }
    return worst;
}

/* The distance of a parameter's weights, relative to their length. Left out are those whose
 * gradient is zero but for the rounding of double: of what it is in fp32 a first step of Adam
 * makes something like the learning rate. */
static double distance(const check *check, const tw_tensor *tensor, double most)
{
    size_t count = tensor->rows * tensor->width;
    char *stepped = tw_format("stepped.%s", tensor->name);
    char *gradient = tw_format("gradient.%s", tensor->name);
    float *expected = array_of(check, stepped, count), *g = array_of(check, gradient, count);
    double square = 0, total = 0;
    for (size_t i = 0; i < count; i++) {
        double error = (double)tensor->x[i] - (double)expected[i];
        square += fabs((double)g[i]) < ROUNDING * most ? 0 : error * error;
        total += (double)expected[i] * (double)expected[i];
    }
    free(g);
    free(expected);
    free(gradient);
    free(stepped);
    return sqrt(square / total);
}

static double step_error(const check *check, double most, const char **which)
{
    const tw_params *params = &check->model->params;
    double worst = 0;
    for (size_t i = 0; i < params->count; i++) {
        const tw_tensor *tensor = params->tensors[i];
        double error = distance(check, tensor, most);
        if (!(error <= worst)) {
            worst = error;
            *which = tensor->name;
        }
    }
    return worst;
}

static void check_step(check *check)
{
    const json_t *adam = field(check->record, "adam");
    const tw_params *params = &check->model->params;
    const char *which = "";
    double norm = tw_gradient_norm(params), most = largest(params->dx, params->size);
    report(check, NORM, fabs(norm / number(adam, "norm") - 1), "");
    double error = gradient_error(check, most, &which);
    report(check, GRADIENTS, error, which);
    tw_adam state;
    tw_adam_options options = tw_adam_defaults;
    options.weight_decay = number(adam, "weight_decay");
    tw_adam_init(&state, params, &options);
    tw_adam_step(&state, number(adam, "learning_rate"), tw_clip_factor(norm, number(adam, "clip")));
    tw_adam_free(&state);
    error = step_error(check, most, &which);
    report(check, STEP, error, which);
}

static int check_training(check *check, const char *folder)
{
    if (!(check->model = tw_model_open(folder, TW_USE_TRAINABLE)))
        return -1;
    size_t i;
    const json_t *entry;
    json_array_foreach(field(check->record, "entries"), i, entry)
    {
        add_entry(check, entry);
    }
    check_logits(check);
    check_loss(check);
    check_step(check);
    tw_forest_free(&check->forest);
    tw_model_free(check->model);
    check->model = NULL;
    return 0;
}

static int check_writing(check *check, const char *folder)
{
    if (!(check->model = tw_model_open(folder, TW_USE_FROZEN)))
        return -1;
    return check_greedy(check) < 0 ? -1 : check_beams(check);
}

static int run(check *check, const char *folder)
{
    char *record = tw_join_path(folder, "record.json");
    char *arrays = tw_join_path(folder, "record.safetensors");
    check->record = tw_json_read(record);
    check->arrays = check->record ? tw_safetensors_open(arrays) : NULL;
    int status = check->arrays ? 0 : -1;
    if (status == 0) {
        check->name = json_string_value(field(check->record, "name"));
        status = check_training(check, folder);
    }
    if (status == 0 && json_object_get(check->record, "greedy"))
        status = check_writing(check, folder);
    tw_model_free(check->model);
    tw_safetensors_close(check->arrays);
    free(arrays);
    free(record);
    return status;
}

int main(int argc, char **argv)
{
    tw_set_program("check_real");
    if (argc != 2)
        return TW_EXIT_USAGE;
    check check = {0};
    if (run(&check, argv[1]) < 0) {
        tw_warn("%s", tw_error());
        check.failed = true;
    }
    json_decref(check.record);
    return check.failed ? TW_EXIT_DATA : TW_EXIT_OK;
}
