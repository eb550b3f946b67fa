#include "task.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "core/memory.h"
#include "recorded.h"

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

double run_task(const tw_model *model, task *task)
{
    tw_tape *tape = tw_tape_new(true);
    tw_tensor *hidden = model->architecture->forward(model, tape, &task->batch);
    tw_tensor *gathered = tw_gather(tape, hidden, task->rows, task->count);
    tw_token_loss loss = {.targets = task->targets,
                          .nll_weight = task->nll_weight,
                          .entropy_weight = task->entropy_weight,
                          .nll = task->nll,
                          .entropy = task->entropy};
    double value = tw_cross_entropy(tape, gathered, model->output_embedding, &loss);
    tw_backward(tape);
    tw_tape_free(tape);
    return value;
}

void check_gradients(const tw_model *model, const json_t *gradients, double tolerance)
{
    assert_int_equal(json_object_size(gradients), model->params.count);
    for (size_t i = 0; i < model->params.count; i++) {
        const tw_tensor *tensor = model->params.tensors[i];
        check_some(field(gradients, tensor->name), tensor->dx, tensor->rows * tensor->width,
                   tolerance, tensor->name);
    }
}

void check_loss(const json_t *expected, double found, double tolerance)
{
    double loss = json_number_value(field(expected, "loss"));
    check_close(loss, found, fabs(loss), tolerance, "loss");
}
