#include "task.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "model/masked-lm.h"
#include "recorded.h"
#include "train/forest.h"

int32_t *tokens_of(const json_t *list, size_t *count)
{
    *count = json_array_size(list);
    int32_t *tokens = tw_alloc(*count, sizeof *tokens);
    for (size_t i = 0; i < *count; i++)
        tokens[i] = (int32_t)json_integer_value(json_array_get(list, i));
    return tokens;
}

void add_target(task *task, size_t row, int32_t target)
{
    size_t n = task->count++;
    task->rows = tw_realloc(task->rows, n + 1, sizeof *task->rows);
    task->targets = tw_realloc(task->targets, n + 1, sizeof *task->targets);
    task->rows[n] = (uint32_t)row;
    task->targets[n] = target;
}

void allocate_outputs(task *task)
{
    task->nll_weight = tw_alloc(task->count, sizeof(float));
    task->entropy_weight = tw_alloc(task->count, sizeof(float));
    task->nll = tw_alloc(task->count, sizeof(float));
    task->entropy = tw_alloc(task->count, sizeof(float));
}

task sequences_task(const json_t *recorded)
{
    task task = {0};
    const json_t *entry;
    size_t i;
    json_array_foreach(field(recorded, "sequences"), i, entry)
    {
        size_t count = 0, first = task.batch.rows;
        int32_t *tokens = tokens_of(field(entry, "tokens"), &count);
        tw_batch_add(&task.batch, tokens, count, -1);
        for (size_t k = 0; k + 1 < count; k++)
            add_target(&task, first + k, tokens[k + 1]);
        free(tokens);
    }
    allocate_outputs(&task);
    return task;
}

task tree_task(const json_t *recorded)
{
    task task = {0};
    const json_t *tree = field(recorded, "tree"), *child;
    size_t i, length = 0;
    int32_t *prompt = tokens_of(field(tree, "prompt"), &length);
    int64_t parent = (int64_t)tw_batch_add(&task.batch, prompt, length, -1);
    json_array_foreach(field(tree, "children"), i, child)
    {
        size_t count = 0, first = task.batch.rows;
        int32_t *tokens = tokens_of(child, &count);
        tw_batch_add(&task.batch, tokens, count, parent);
        for (size_t k = 0; k < count; k++)
            add_target(&task, k == 0 ? length - 1 : first + k - 1, tokens[k]);
        free(tokens);
    }
    free(prompt);
    allocate_outputs(&task);
    return task;
}

/* A source, and the tokens of continuations in turn. */
static void add_source(tw_forest *forest, const tw_model *model, const json_t *source,
                       const json_t *continuations)
{
    size_t length = 0, i;
    int32_t *ids = tokens_of(source, &length);
    size_t segment = tw_forest_prompt(forest, model, ids, length);
    free(ids);
    const json_t *tokens;
    json_array_foreach(continuations, i, tokens)
    {
        ids = tokens_of(tokens, &length);
        tw_forest_completion(forest, segment, ids, length);
        free(ids);
    }
}

/* A forest is a task, which it becomes. */
static task task_of(const tw_forest *forest)
{
    return (task){forest->batch,          forest->rows, forest->ids,     forest->nll_weight,
                  forest->entropy_weight, forest->nll,  forest->entropy, forest->count};
}

task source_sequences_task(const tw_model *model, const json_t *recorded)
{
    tw_forest forest = {0};
    const json_t *entry;
    size_t i;
    json_array_foreach(field(recorded, "sequences"), i, entry)
    {
        json_t *one = json_pack("[O]", field(entry, "tokens"));
        add_source(&forest, model, field(entry, "source"), one);
        json_decref(one);
    }
    return task_of(&forest);
}

task source_tree_task(const tw_model *model, const json_t *recorded)
{
    tw_forest forest = {0};
    const json_t *tree = field(recorded, "tree");
    add_source(&forest, model, field(tree, "source"), field(tree, "children"));
    assert_int_equal(json_array_size(field(tree, "source")), forest.batch.encoder->rows);
    return task_of(&forest);
}

task masked_sequences_task(const json_t *recorded, size_t count)
{
    task task = {0};
    const json_t *entry;
    size_t s;
    json_array_foreach(field(recorded, "sequences"), s, entry)
    {
        size_t length = 0, first = task.batch.rows, targets = 0, rows = 0;
        if (s == count)
            break;
        int32_t *tokens = tokens_of(field(entry, "tokens"), &length);
        int32_t *at = tokens_of(field(entry, "rows"), &rows);
        int32_t *target = tokens_of(field(entry, "targets"), &targets);
        assert_int_equal(rows, targets);
        tw_batch_add(&task.batch, tokens, length, -1);
        for (size_t i = 0; i < rows; i++)
            add_target(&task, first + (size_t)at[i], target[i]);
        free(target);
        free(at);
        free(tokens);
    }
    allocate_outputs(&task);
    return task;
}

void free_task(task *task)
{
    tw_batch_free(&task->batch);
    free(task->rows);
    free(task->targets);
    free(task->nll_weight);
    free(task->entropy_weight);
    free(task->nll);
    free(task->entropy);
}

void weigh_evenly(task *task)
{
    for (size_t i = 0; i < task->count; i++)
        task->nll_weight[i] = 1.0F / (float)task->count;
}

static double run_masked(const tw_model *model, task *task, tw_tape *tape)
{
    tw_token_loss loss = {.targets = task->targets,
                          .nll_weight = task->nll_weight,
                          .entropy_weight = task->entropy_weight,
                          .nll = task->nll,
                          .entropy = task->entropy};
    return tw_lm_loss(model, tape, &task->batch, task->rows, task->count, &loss);
}

double run_task(const tw_model *model, task *task)
{
    tw_tape *tape = tw_tape_new(true);
    tw_forest forest = {.batch = task->batch,
                        .rows = task->rows,
                        .ids = task->targets,
                        .nll_weight = task->nll_weight,
                        .entropy_weight = task->entropy_weight,
                        .nll = task->nll,
                        .entropy = task->entropy,
                        .count = task->count,
                        .capacity = task->count};
    double value = tw_model_check_causal(model) < 0 ? run_masked(model, task, tape)
                                                    : tw_forest_loss(&forest, model, tape);
    tw_tape_free(tape);
    return value;
}

void check_entries(const json_t *entries, const char *key, const float *found, size_t count,
                   double tolerance, const char *what)
{
    const json_t *entry;
    size_t i, at = 0;
    json_array_foreach(entries, i, entry)
    {
        const json_t *list = key ? field(entry, key) : entry;
        assert_true(json_array_size(list) <= count - at);
        check_list(list, found + at, json_array_size(list), tolerance, what);
        at += json_array_size(list);
    }
    assert_int_equal(at, count);
}

void check_loss(const json_t *expected, double found, double tolerance)
{
    double loss = json_number_value(field(expected, "loss"));
    check_close(loss, found, fabs(loss), tolerance, "loss");
}

/* A key's bias moves all scores of a row alike: its gradient is rounding, of the query's. */
static void check_key_bias(const tw_params *params, const tw_tensor *bias, double tolerance)
{
    const char *end = strstr(bias->name, "key.bias");
    char *name = tw_format("%.*squery.bias", (int)(end - bias->name), bias->name);
    const tw_tensor *query = tw_params_find(params, name);
    double square = 0, of_query = 0;
    for (size_t i = 0; i < bias->width; i++) {
        square += (double)bias->dx[i] * bias->dx[i];
        of_query += (double)query->dx[i] * query->dx[i];
    }
    assert_true(of_query > 0);
    assert_true(sqrt(square) < tolerance * sqrt(of_query));
    free(name);
}

void check_gradients(const tw_model *model, const json_t *gradients, double tolerance)
{
    const tw_params *params = tw_model_trained((tw_model *)model);
    size_t of_keys = 0;
    for (size_t i = 0; i < params->count; i++) {
        const tw_tensor *tensor = params->tensors[i];
        if (strstr(tensor->name, "self.key.bias")) {
            check_key_bias(params, tensor, tolerance);
            of_keys++;
        } else {
            check_some(field(gradients, tensor->name), tensor->dx, tensor->rows * tensor->width,
                       tolerance, tensor->name);
        }
    }
    assert_int_equal(json_object_size(gradients) + of_keys, params->count);
}

void check_weights(const tw_model *model, const json_t *weights, double tolerance)
{
    const tw_params *params = tw_model_trained((tw_model *)model);
    assert_int_equal(json_object_size(weights), params->count);
    for (size_t i = 0; i < params->count; i++) {
        const tw_tensor *tensor = params->tensors[i];
        if (!strstr(tensor->name, "c_attn.bias") && !strstr(tensor->name, "self.key.bias"))
            check_some(field(weights, tensor->name), tensor->x, tensor->rows * tensor->width,
                       tolerance, tensor->name);
    }
}
