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
#include "task.h"
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
    task task = sequences_task(recorded);
    weigh_evenly(&task);
    const json_t *mean = field(recorded, "mean"), *entry;
    check_loss(mean, run_task(model, &task), VALUE_TOLERANCE);
    size_t s, at = 0;
    json_array_foreach(field(recorded, "sequences"), s, entry)
    {
        const json_t *nll = field(entry, "nll"), *entropy = field(entry, "entropy");
        check_list(nll, task.nll + at, json_array_size(nll), VALUE_TOLERANCE, "nll");
        check_list(entropy, task.entropy + at, json_array_size(nll), VALUE_TOLERANCE, "entropy");
        at += json_array_size(nll);
    }
    assert_int_equal(at, task.count);
    check_gradients(model, field(mean, "gradients"), GRADIENT_TOLERANCE);

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
    task task = sequences_task(recorded);
    const json_t *weights = field(recorded, "weights");
    assert_int_equal(json_array_size(weights), task.count);
    for (size_t i = 0; i < task.count; i++) {
        task.nll_weight[i] = (float)number_at(weights, i);
        task.entropy_weight[i] = -0.1F;
    }
    check_loss(field(recorded, "weighted"), run_task(model, &task), VALUE_TOLERANCE);
    check_gradients(model, field(field(recorded, "weighted"), "gradients"), GRADIENT_TOLERANCE);
    free_task(&task);
    tw_model_free(model);
}

/* One computation of the prompt serves its children, backward too. */
static void shares_a_prompt(void **state)
{
    (void)state;
    tw_model *model = open_model(FIXTURES "gpt2", TW_USE_TRAINABLE);
    task task = tree_task(recorded);
    weigh_evenly(&task);
    const json_t *tree = field(recorded, "tree"), *nll;
    check_loss(tree, run_task(model, &task), VALUE_TOLERANCE);
    size_t c, at = 0;
    json_array_foreach(field(tree, "nll"), c, nll)
    {
        check_list(nll, task.nll + at, json_array_size(nll), VALUE_TOLERANCE, "nll of a child");
        at += json_array_size(nll);
    }
    assert_int_equal(at, task.count);
    check_gradients(model, field(tree, "gradients"), GRADIENT_TOLERANCE);
    free_task(&task);
    tw_model_free(model);
}

static void reads_bf16(void **state)
{
    (void)state;
    tw_model *model = open_model(FIXTURES "gpt2-bf16", TW_USE_FROZEN);
    task task = sequences_task(recorded);
    run_task(model, &task);
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
