/* GPT-2 against transformers in double precision (tests/oracle/gpt2.py): hidden
 * states, losses, gradients, greedy continuations and an AdamW step of a tiny model. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "model/model.h"
#include "recorded.h"
#include "train/adam.h"

#define FIXTURES "tests/fixtures/"

/* Relative to the size of the values compared. fp32 rounds to 6e-8; three layers sum
 * over 40 to 160 terms, a gradient over 80 rows as well. The errors seen are 8 to 10
 * times smaller than these bounds. */
#define VALUE_TOLERANCE 1e-5
#define GRADIENT_TOLERANCE 5e-5

static json_t *recorded;

static tw_model *open_model(const char *folder, tw_use use)
{
    tw_model *model = tw_model_open(folder, use);
    if (!model)
        fail_msg("%s", tw_error());
    return model;
}

static int32_t *tokens_of(const json_t *list, size_t *count)
{
    *count = json_array_size(list);
    int32_t *tokens = tw_alloc(*count, sizeof *tokens);
    for (size_t i = 0; i < *count; i++)
        tokens[i] = (int32_t)json_integer_value(json_array_get(list, i));
    return tokens;
}

/* A batch and the rows of it that have a target. */
typedef struct task {
    tw_batch batch;
    uint32_t *rows;
    int32_t *targets;
    float *nll_weight, *entropy_weight, *nll, *entropy;
    size_t count;
} task;

static void add_target(task *task, size_t row, int32_t target)
{
    size_t n = task->count++;
    task->rows = tw_realloc(task->rows, n + 1, sizeof *task->rows);
    task->targets = tw_realloc(task->targets, n + 1, sizeof *task->targets);
    task->rows[n] = (uint32_t)row;
    task->targets[n] = target;
}

static void allocate_outputs(task *task)
{
    task->nll_weight = tw_alloc(task->count, sizeof(float));
    task->entropy_weight = tw_alloc(task->count, sizeof(float));
    task->nll = tw_alloc(task->count, sizeof(float));
    task->entropy = tw_alloc(task->count, sizeof(float));
}

/* All recorded sequences as segments of one batch. */
static task sequences_task(void)
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

/* A prompt and its children: the first token of each child is the prompt's last
 * row's target, once for every child. */
static task tree_task(void)
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

static void free_task(task *task)
{
    tw_batch_free(&task->batch);
    free(task->rows);
    free(task->targets);
    free(task->nll_weight);
    free(task->entropy_weight);
    free(task->nll);
    free(task->entropy);
}

/* Loss of a task, gradients into the parameters. */
static double run(const tw_model *model, task *task)
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

static void check_gradients(const tw_model *model, const json_t *gradients)
{
    assert_int_equal(json_object_size(gradients), model->params.count);
    for (size_t i = 0; i < model->params.count; i++) {
        const tw_tensor *tensor = model->params.tensors[i];
        check_some(field(gradients, tensor->name), tensor->dx, tensor->rows * tensor->width,
                   GRADIENT_TOLERANCE, tensor->name);
    }
}

static void check_loss(const json_t *expected, double found)
{
    double loss = json_number_value(field(expected, "loss"));
    check_close(loss, found, fabs(loss), VALUE_TOLERANCE, "loss");
}

static void computes_hidden_states(void **state)
{
    (void)state;
    tw_model *model = open_model(FIXTURES "gpt2", TW_USE_FROZEN);
    const tw_config *config = &model->config;
    const json_t *entry;
    size_t s;
    json_array_foreach(field(recorded, "sequences"), s, entry)
    {
        tw_batch batch = {0};
        size_t count = 0;
        int32_t *tokens = tokens_of(field(entry, "tokens"), &count);
        tw_batch_add(&batch, tokens, count, -1);
        tw_tape *tape = tw_tape_new(false);
        const float *x = model->architecture->forward(model, tape, &batch)->x;
        const float *last = x + (count - 1) * config->hidden_size;
        check_list(field(entry, "hidden"), last, config->hidden_size, VALUE_TOLERANCE, "hidden");
        double square = 0;
        for (size_t i = 0; i < count * config->hidden_size; i++)
            square += (double)x[i] * x[i];
        double norm = json_number_value(field(entry, "hidden_norm"));
        check_close(norm, sqrt(square), norm, VALUE_TOLERANCE, "norm of hidden");

        float *logits = tw_alloc(config->vocab_size, sizeof *logits);
        for (size_t v = 0; v < config->vocab_size; v++)
            for (size_t i = 0; i < config->hidden_size; i++)
                logits[v] += last[i] * model->output_embedding->x[v * config->hidden_size + i];
        check_some(field(entry, "logits"), logits, config->vocab_size, VALUE_TOLERANCE, "logits");
        free(logits);
        tw_tape_free(tape);
        tw_batch_free(&batch);
        free(tokens);
    }
    tw_model_free(model);
}

/* nll and entropy of every token, the mean loss and its gradients, then a step. */
static void trains_on_the_mean(void **state)
{
    (void)state;
    tw_model *model = open_model(FIXTURES "gpt2", TW_USE_TRAINABLE);
    task task = sequences_task();
    for (size_t i = 0; i < task.count; i++)
        task.nll_weight[i] = 1.0F / (float)task.count;
    const json_t *mean = field(recorded, "mean"), *entry;
    check_loss(mean, run(model, &task));
    size_t s, at = 0;
    json_array_foreach(field(recorded, "sequences"), s, entry)
    {
        const json_t *nll = field(entry, "nll"), *entropy = field(entry, "entropy");
        check_list(nll, task.nll + at, json_array_size(nll), VALUE_TOLERANCE, "nll");
        check_list(entropy, task.entropy + at, json_array_size(nll), VALUE_TOLERANCE, "entropy");
        at += json_array_size(nll);
    }
    assert_int_equal(at, task.count);
    check_gradients(model, field(mean, "gradients"));

    const json_t *adamw = field(recorded, "adamw");
    tw_adam_options options = tw_adam_defaults;
    options.weight_decay = json_number_value(field(adamw, "weight_decay"));
    tw_adam adam;
    tw_adam_init(&adam, &model->params, &options);
    tw_adam_step(&adam, json_number_value(field(adamw, "learning_rate")), 1.0);
    for (size_t i = 0; i < model->params.count; i++) {
        const tw_tensor *tensor = model->params.tensors[i];
        /* The bias of keys has no influence: its gradient is rounding noise, which a
         * first step of Adam blows up to the learning rate. */
        if (strstr(tensor->name, "c_attn.bias"))
            continue;
        check_some(field(field(adamw, "weights"), tensor->name), tensor->x,
                   tensor->rows * tensor->width, GRADIENT_TOLERANCE, tensor->name);
    }
    tw_adam_free(&adam);
    free_task(&task);
    tw_model_free(model);
}

static void trains_on_weights_and_entropy(void **state)
{
    (void)state;
    tw_model *model = open_model(FIXTURES "gpt2", TW_USE_TRAINABLE);
    task task = sequences_task();
    const json_t *weights = field(recorded, "weights");
    assert_int_equal(json_array_size(weights), task.count);
    for (size_t i = 0; i < task.count; i++) {
        task.nll_weight[i] = (float)number_at(weights, i);
        task.entropy_weight[i] = -0.1F;
    }
    check_loss(field(recorded, "weighted"), run(model, &task));
    check_gradients(model, field(field(recorded, "weighted"), "gradients"));
    free_task(&task);
    tw_model_free(model);
}

/* One computation of the prompt serves its children, backward too. */
static void shares_a_prompt(void **state)
{
    (void)state;
    tw_model *model = open_model(FIXTURES "gpt2", TW_USE_TRAINABLE);
    task task = tree_task();
    for (size_t i = 0; i < task.count; i++)
        task.nll_weight[i] = 1.0F / (float)task.count;
    const json_t *tree = field(recorded, "tree"), *nll;
    check_loss(tree, run(model, &task));
    size_t c, at = 0;
    json_array_foreach(field(tree, "nll"), c, nll)
    {
        check_list(nll, task.nll + at, json_array_size(nll), VALUE_TOLERANCE, "nll of a child");
        at += json_array_size(nll);
    }
    assert_int_equal(at, task.count);
    check_gradients(model, field(tree, "gradients"));
    free_task(&task);
    tw_model_free(model);
}

static void reads_bf16(void **state)
{
    (void)state;
    tw_model *model = open_model(FIXTURES "gpt2-bf16", TW_USE_FROZEN);
    task task = sequences_task();
    run(model, &task);
    const json_t *nll;
    size_t s, at = 0;
    json_array_foreach(field(recorded, "bf16_nll"), s, nll)
    {
        check_list(nll, task.nll + at, json_array_size(nll), VALUE_TOLERANCE, "nll with bf16");
        at += json_array_size(nll);
    }
    free_task(&task);
    tw_model_free(model);
}

/* Index of the most likely token after `tokens`. */
static int32_t best_next(const tw_model *model, const int32_t *tokens, size_t count)
{
    tw_batch batch = {0};
    tw_batch_add(&batch, tokens, count, -1);
    tw_tape *tape = tw_tape_new(false);
    size_t width = model->config.hidden_size;
    const float *hidden =
        model->architecture->forward(model, tape, &batch)->x + (count - 1) * width;
    int32_t best = 0;
    float most = -INFINITY;
    for (size_t v = 0; v < model->config.vocab_size; v++) {
        float logit = 0;
        for (size_t i = 0; i < width; i++)
            logit += hidden[i] * model->output_embedding->x[v * width + i];
        if (logit > most) {
            most = logit;
            best = (int32_t)v;
        }
    }
    tw_tape_free(tape);
    tw_batch_free(&batch);
    return best;
}

static void continues_greedily(void **state)
{
    (void)state;
    tw_model *model = open_model(FIXTURES "gpt2", TW_USE_FROZEN);
    const json_t *entry;
    size_t e;
    json_array_foreach(field(recorded, "greedy"), e, entry)
    {
        size_t count = 0, more = 0;
        int32_t *tokens = tokens_of(field(entry, "prompt"), &count);
        int32_t *expected = tokens_of(field(entry, "tokens"), &more);
        tokens = tw_realloc(tokens, count + more, sizeof *tokens);
        for (size_t i = 0; i < more; i++) {
            tokens[count + i] = best_next(model, tokens, count + i);
            assert_int_equal(expected[i], tokens[count + i]);
        }
        free(expected);
        free(tokens);
    }
    tw_model_free(model);
}

static int load(void **state)
{
    (void)state;
    json_error_t error;
    recorded = json_load_file(FIXTURES "gpt2.json", 0, &error);
    return recorded ? 0 : -1;
}

static int unload(void **state)
{
    (void)state;
    json_decref(recorded);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(computes_hidden_states),
        cmocka_unit_test(trains_on_the_mean),
        cmocka_unit_test(trains_on_weights_and_entropy),
        cmocka_unit_test(shares_a_prompt),
        cmocka_unit_test(reads_bf16),
        cmocka_unit_test(continues_greedily),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
