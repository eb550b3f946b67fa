/* GPT-2 against transformers in double precision (tests/oracle/gpt2.py): hidden
 * states, losses, gradients, greedy continuations and an AdamW step of a tiny model. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "core/memory.h"
#include "model_folder.h"
#include "model_tests.h"
#include "recorded.h"
#include "recorded_models.h"

/* fp32 rounds to 6e-8; three layers sum over 40 to 160 terms, a gradient over 80 rows as well. The
 * errors seen are 8 to 10 times smaller than these bounds. */
static int load(void **state)
{
    within = (tolerances){.value = 1e-5, .gradient = 5e-5, .weight = 1e-5};
    return open_recorded("gpt2", NULL, state);
}

static void computes_hidden_states(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
    size_t width = model->config.hidden_size, s;
    task task = sequences_task(recorded);
    tw_tape *tape = tw_tape_new(false);
    const float *x = model->architecture->forward(model, tape, &task.batch)->x;
    const json_t *entry;
    json_array_foreach(field(recorded, "sequences"), s, entry)
    {
        const tw_segment *segment = &task.batch.segments[s];
        const float *first = x + segment->first * width;
        check_list(field(entry, "hidden"), first + (segment->length - 1) * width, width,
                   within.value, "hidden");
        double square = 0;
        for (size_t i = 0; i < segment->length * width; i++)
            square += (double)first[i] * first[i];
        double norm = json_number_value(field(entry, "hidden_norm"));
        check_close(norm, sqrt(square), norm, within.value, "norm of hidden");
    }
    tw_tape_free(tape);
    free_task(&task);
    tw_model_free(model);
}

static void computes_entropies(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
    task task = sequences_task(recorded);
    run_task(model, &task);
    check_entries(field(recorded, "sequences"), "entropy", task.entropy, task.count, within.value,
                  "entropy");
    free_task(&task);
    tw_model_free(model);
}

static void trains_on_weights_and_entropy(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_TRAINABLE);
    task task = sequences_task(recorded);
    const json_t *weights = field(recorded, "weights");
    assert_int_equal(json_array_size(weights), task.count);
    for (size_t i = 0; i < task.count; i++) {
        task.nll_weight[i] = (float)number_at(weights, i);
        task.entropy_weight[i] = -0.1F;
    }
    check_loss(field(recorded, "weighted"), run_task(model, &task), within.value);
    check_gradients(model, field(field(recorded, "weighted"), "gradients"), within.gradient);
    free_task(&task);
    tw_model_free(model);
}

static void reads_bf16(void **state)
{
    (void)state;
    tw_model *model = open_folder("tests/fixtures/gpt2-bf16", TW_USE_FROZEN);
    task task = sequences_task(recorded);
    run_task(model, &task);
    check_entries(field(recorded, "bf16_nll"), NULL, task.nll, task.count, within.value,
                  "nll with bf16");
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

static void continues_without_a_cache(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        RECORDED_TEST(computes_hidden_states, "gpt2"),
        RECORDED_TEST(computes_logits, "gpt2"),
        RECORDED_TEST(computes_entropies, "gpt2"),
        RECORDED_TEST(trains_on_the_mean, "gpt2"),
        RECORDED_TEST(trains_on_weights_and_entropy, "gpt2"),
        RECORDED_TEST(shares_a_prompt, "gpt2"),
        RECORDED_TEST(reads_bf16, "gpt2"),
        RECORDED_TEST(continues_without_a_cache, "gpt2"),
        RECORDED_TEST(saves_what_it_opened, "gpt2"),
    };
    return cmocka_run_group_tests(tests, load, close_recorded);
}
