#include "train/forest.h"

#include <stdlib.h>
#include <string.h>

#include "model/prompt.h"
#include "tensor/op.h"

void tw_forest_clear(tw_forest *forest)
{
    tw_batch_clear(&forest->batch);
    forest->count = 0;
}

void tw_forest_free(tw_forest *forest)
{
    tw_batch_free(&forest->batch);
    free(forest->rows);
    free(forest->ids);
    free(forest->nll_weight);
    free(forest->entropy_weight);
    free(forest->nll);
    free(forest->entropy);
    *forest = (tw_forest){0};
}

static void grow(tw_forest *forest, size_t count)
{
    if (count <= forest->capacity)
        return;
    size_t n = forest->capacity = 2 * count;
    forest->rows = tw_realloc(forest->rows, n, sizeof *forest->rows);
    forest->ids = tw_realloc(forest->ids, n, sizeof *forest->ids);
    forest->nll_weight = tw_realloc(forest->nll_weight, n, sizeof(float));
    forest->entropy_weight = tw_realloc(forest->entropy_weight, n, sizeof(float));
    forest->nll = tw_realloc(forest->nll, n, sizeof(float));
    forest->entropy = tw_realloc(forest->entropy, n, sizeof(float));
}

static void add_target(tw_forest *forest, size_t row, int32_t id)
{
    grow(forest, forest->count + 1);
    size_t i = forest->count++;
    forest->rows[i] = (uint32_t)row;
    forest->ids[i] = id;
    forest->nll_weight[i] = forest->entropy_weight[i] = 0;
}

size_t tw_forest_prompt(tw_forest *forest, const tw_model *model, const int32_t *ids, size_t length)
{
    return tw_model_add_prompt(model, &forest->batch, ids, length);
}

size_t tw_forest_prompt_targets(tw_forest *forest, size_t segment)
{
    tw_segment at = forest->batch.segments[segment];
    for (size_t i = 1; i < at.length; i++)
        add_target(forest, at.first + i - 1, forest->batch.tokens[at.first + i]);
    return at.length - 1;
}

size_t tw_forest_completion(tw_forest *forest, size_t segment, const int32_t *ids, size_t length)
{
    size_t first_target = forest->count, first_row = forest->batch.rows;
    tw_segment prompt = forest->batch.segments[segment];
    if (length > 1)
        tw_batch_add(&forest->batch, ids, length - 1, (int64_t)segment);
    for (size_t i = 0; i < length; i++)
        add_target(forest, i ? first_row + i - 1 : prompt.first + prompt.length - 1, ids[i]);
    return first_target;
}

double tw_forest_loss(tw_forest *forest, const tw_model *model, tw_tape *tape)
{
    tw_tensor *hidden = model->architecture->forward(model, tape, &forest->batch);
    hidden = tw_gather(tape, hidden, forest->rows, forest->count);
    hidden = tw_model_states(model, tape, hidden);
    tw_token_loss loss = {.targets = forest->ids,
                          .nll_weight = forest->nll_weight,
                          .entropy_weight = forest->entropy_weight,
                          .bias = model->output_bias,
                          .nll = forest->nll,
                          .entropy = forest->entropy};
    double total = tw_cross_entropy(tape, hidden, model->output_embedding, &loss);
    tw_backward(tape);
    tw_tape_reset(tape);
    return total;
}
