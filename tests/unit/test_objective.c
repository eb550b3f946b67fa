/* The objectives against their formulas in PyTorch (tests/oracle/objective.py): losses, what
 * is reported beside them and gradients, each sequence run on its own there and all in one
 * forest here. Then what samples depend on. */

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
#include "recorded.h"
#include "train/objective.h"

#define GPT2 "tests/fixtures/gpt2"

enum { EXAMPLES = 4, NAME_SIZE = 128 };

/* fp32 here, double there. Relative to a loss, or to the norm of a gradient (and for its
 * product with a wave of n entries to the product's bound, norm * sqrt(n / 2)), the errors seen
 * are below 3e-7 and 1e-6; other processors add in other orders. */
static const double LOSS_TOLERANCE = 2e-6, GRADIENT_TOLERANCE = 1e-5;

static json_t *recorded;
static tw_example examples[EXAMPLES];
static const tw_example *batch[EXAMPLES];
static tw_guidance *guidance;

static tw_ids read_ids(const json_t *array)
{
    tw_ids ids = {tw_alloc(json_array_size(array), sizeof *ids.ids), json_array_size(array)};
    for (size_t i = 0; i < ids.count; i++)
        ids.ids[i] = (int32_t)json_integer_value(json_array_get(array, i));
    return ids;
}

static void wave(tw_tensor *tensor, double phase)
{
    for (size_t i = 0; i < tensor->rows * tensor->width; i++)
        tensor->x[i] = (float)(0.3 * sin(0.37 * (double)i + phase));
}

/* The guidance is frozen in use; here its head needs other weights first. */
static int set_up(void **state)
{
    (void)state;
    json_error_t error;
    recorded = json_load_file("tests/fixtures/objective.json", 0, &error);
    if (!recorded)
        return -1;
    tw_guidance_settings settings = tw_guidance_defaults;
    settings.head_size = (size_t)json_integer_value(json_object_get(recorded, "head_size"));
    guidance = tw_guidance_start(GPT2, &settings, 1);
    if (!guidance)
        return -1;
    tw_tensor *head[] = {guidance->head.weight1, guidance->head.bias1, guidance->head.weight2,
                         guidance->head.bias2};
    for (int i = 0; i < 4; i++)
        wave(head[i], i);
    const json_t *all = json_object_get(recorded, "examples");
    for (size_t i = 0; i < EXAMPLES; i++) {
        const json_t *one = json_array_get(all, i);
        examples[i] = (tw_example){.key = i + 1,
                                   .prompt = read_ids(json_object_get(one, "prompt")),
                                   .completion = read_ids(json_object_get(one, "completion"))};
        batch[i] = &examples[i];
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXAMPLES; i++) {
        free(examples[i].prompt.ids);
        free(examples[i].completion.ids);
    }
    tw_guidance_free(guidance);
    json_decref(recorded);
    return 0;
}

static tw_learner new_learner(void)
{
    tw_learner learner = {.policy = tw_model_open(GPT2, TW_USE_TRAINABLE),
                          .guidance = guidance,
                          .tape = tw_tape_new(true),
                          .frozen_tape = tw_tape_new(false),
                          .reward_scale = 1,
                          .samples = (size_t)json_integer_value(field(recorded, "samples"))};
    if (!learner.policy)
        fail_msg("%s", tw_error());
    learner.decode = (tw_decode_options){
        .sampling = tw_sampling_defaults,
        .max_new_tokens = (size_t)json_integer_value(field(recorded, "new_tokens")),
        .batch_tokens = 8192};
    return learner;
}

static void free_learner(tw_learner *learner)
{
    tw_model_free(learner->policy);
    tw_learner_free(learner);
}

static tw_token_weight kind_of(const char *name)
{
    if (strcmp(name, "exp") == 0)
        return TW_WEIGHT_EXP;
    return strcmp(name, "reward-to-go") == 0 ? TW_WEIGHT_REWARD_TO_GO : TW_WEIGHT_REWARD;
}

static double number(const json_t *json, const char *key)
{
    return json_number_value(json_object_get(json, key));
}

/* Runs a recorded case on the learner. */
static tw_objective_report run_case(tw_learner *learner, const json_t *recorded_case)
{
    const char *objective = json_string_value(field(recorded_case, "objective"));
    learner->prompt_weight = number(recorded_case, "prompt_weight");
    if (strcmp(objective, "mle") == 0)
        return tw_mle(learner, batch, EXAMPLES);
    learner->token_weight = kind_of(json_string_value(field(recorded_case, "token_weight")));
    learner->reward_scale = number(recorded_case, "reward_scale");
    if (strcmp(objective, "weighted-mle") == 0)
        return tw_weighted_mle(learner, batch, EXAMPLES);
    tw_reinforce_options options = {.pg_weight = number(recorded_case, "pg_weight"),
                                    .entropy_weight = number(recorded_case, "entropy_weight")};
    tw_objective_report report = {0};
    learner->decode.sampling.greedy = true;
    learner->policy->config.stops =
        (tw_stops){.ids = {(int32_t)json_integer_value(field(recorded, "stop"))}, .count = 1};
    if (tw_reinforce(learner, batch, EXAMPLES, &options, &report) < 0)
        fail_msg("%s", tw_error());
    return report;
}

static void check_gradients(const tw_params *params, const json_t *want, const char *what)
{
    const char *name;
    json_t *numbers;
    size_t seen = 0;
    json_object_foreach((json_t *)want, name, numbers)
    {
        const tw_tensor *tensor = tw_params_find(params, name);
        if (!tensor) {
            fail_msg("no tensor %s", name);
            return; /* which linters do not know */
        }
        size_t n = tensor->rows * tensor->width;
        double square = 0, product = 0;
        for (size_t i = 0; i < n; i++) {
            double g = (double)tensor->dx[i];
            square += g * g;
            product += g * (double)(float)sin(0.37 * (double)i + 0.5);
        }
        char where[NAME_SIZE];
        snprintf(where, sizeof where, "%s: gradient of %s", what, name);
        double norm = number_at(numbers, 0), bound = norm * sqrt((double)n / 2);
        check_close(norm, sqrt(square), norm, GRADIENT_TOLERANCE, where);
        check_close(number_at(numbers, 1), product, bound, GRADIENT_TOLERANCE, where);
        seen++;
    }
    assert_int_equal(seen, params->count);
}

static double mean_length(const json_t *recorded_case)
{
    double sum = 0;
    bool drawn = json_object_get(recorded_case, "pg_weight");
    for (size_t i = 0; i < EXAMPLES; i++)
        sum += drawn ? number_at(field(recorded, "sampled_lengths"), i)
                     : (double)examples[i].completion.count;
    return sum / EXAMPLES;
}

static void test_recorded_cases(void **state)
{
    (void)state;
    const json_t *cases = field(recorded, "cases"), *one;
    assert_int_equal(json_array_size(cases), 14);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        one = json_array_get(cases, i);
        char what[NAME_SIZE / 2];
        snprintf(what, sizeof what, "case %zu (%s)", i, json_string_value(field(one, "objective")));
        tw_learner learner = new_learner();
        tw_objective_report report = run_case(&learner, one);
        double size = fmax(fabs(number(one, "loss")), 1);
        check_close(number(one, "loss"), report.loss, size, LOSS_TOLERANCE, what);
        check_close(number(one, "nll"), report.nll, number(one, "nll"), LOSS_TOLERANCE, what);
        check_close(number(one, "entropy"), report.entropy, number(one, "entropy"), LOSS_TOLERANCE,
                    what);
        check_close(number(one, "reward"), report.reward, 1, LOSS_TOLERANCE, what);
        check_close(mean_length(one), report.length, 1, 0, what);
        check_gradients(&learner.policy->params, field(one, "gradients"), what);
        free_learner(&learner);
    }
}

/* The guidance could be trained here, but nothing of that reaches it. */
static void test_guidance_gets_no_gradient(void **state)
{
    (void)state;
    tw_learner learner = new_learner();
    tw_reinforce_options options = {.pg_weight = 1, .entropy_weight = 1};
    tw_objective_report report = {0};
    tw_weighted_mle(&learner, batch, EXAMPLES);
    assert_int_equal(tw_reinforce(&learner, batch, EXAMPLES, &options, &report), 0);
    const tw_params *params = &guidance->model->params;
    for (size_t i = 0; i < params->size; i++)
        assert_true(params->dx[i] == 0);
    free_learner(&learner);
}

/* Batches add up: two calls leave the sum of their gradients. */
static void test_gradients_accumulate(void **state)
{
    (void)state;
    tw_learner learner = new_learner();
    tw_mle(&learner, batch, EXAMPLES);
    const tw_params *params = &learner.policy->params;
    float *once = tw_alloc(params->size, sizeof *once);
    memcpy(once, params->dx, params->size * sizeof *once);
    tw_mle(&learner, batch, EXAMPLES);
    for (size_t i = 0; i < params->size; i++)
        check_close(2 * (double)once[i], (double)params->dx[i], fabs((double)once[i]) + 1e-3, 1e-4,
                    "sum of two");
    free(once);
    free_learner(&learner);
}

/* The measure of a validation is the loss of mle, and leaves no gradient. */
static void test_nll_is_that_of_mle(void **state)
{
    (void)state;
    tw_learner learner = new_learner();
    double nll = 0;
    uint64_t tokens = 0;
    tw_nll(&learner, batch, EXAMPLES, &nll, &tokens);
    assert_int_equal(tokens, 18);
    const tw_params *params = &learner.policy->params;
    for (size_t i = 0; i < params->size; i++)
        assert_true(params->dx[i] == 0);
    double loss = tw_mle(&learner, batch, EXAMPLES).loss;
    check_close(loss, nll / (double)tokens, loss, 1e-6, "nll");
    /* it sums, batch after batch */
    tw_nll(&learner, batch, 1, &nll, &tokens);
    assert_int_equal(tokens, 24);
    free_learner(&learner);
}

static double drawn_loss(tw_learner *learner, uint64_t seed, uint64_t pass)
{
    tw_reinforce_options options = {1, 0.125, seed, pass};
    tw_objective_report report = {0};
    assert_int_equal(tw_reinforce(learner, batch, EXAMPLES, &options, &report), 0);
    return report.loss;
}

/* What is drawn depends on seed and pass and on nothing else. */
static void test_draws_are_keyed(void **state)
{
    (void)state;
    tw_learner learner = new_learner();
    double first = drawn_loss(&learner, 1, 1);
    assert_true(drawn_loss(&learner, 1, 2) != first);
    assert_true(drawn_loss(&learner, 2, 1) != first);
    learner.decode.batch_tokens = 1;
    assert_true(drawn_loss(&learner, 1, 1) == first);
    free_learner(&learner);
}

static void check_weights(tw_token_weight kind, double scale, const double *want)
{
    float rewards[4] = {0.5F, 0, 0.25F, 1};
    tw_token_weights(kind, scale, rewards, 4);
    for (size_t i = 0; i < 4; i++)
        check_close(want[i], (double)rewards[i], fabs(want[i]), 1e-6, "weight");
}

static void test_token_weights(void **state)
{
    (void)state;
    check_weights(TW_WEIGHT_REWARD, 3, (double[]){0.5, 0, 0.25, 1});
    /* powers of e */
    check_weights(TW_WEIGHT_EXP, 2, (double[]){2.718281828, 1, 1.648721271, 7.389056099});
    check_weights(TW_WEIGHT_REWARD_TO_GO, 3, (double[]){1.75, 1.25, 1.25, 1});
    float one = 0.75F;
    tw_token_weights(TW_WEIGHT_REWARD_TO_GO, 1, &one, 1);
    assert_true(one == 0.75F);
}

/* A head whose rewards are all zero (sigmoid of -1e9): each token weighs the same. */
static void test_no_reward_at_all(void **state)
{
    (void)state;
    tw_learner learner = new_learner();
    tw_guidance_settings settings = tw_guidance_defaults;
    settings.head_size = 4;
    settings.bound = TW_BOUND_SIGMOID;
    tw_guidance *silent = tw_guidance_start(GPT2, &settings, 1);
    assert_non_null(silent);
    silent->head.bias2->x[0] = -1e9F;
    learner.guidance = silent;
    tw_objective_report weighted = tw_weighted_mle(&learner, batch, 1);
    assert_true(weighted.reward == 0);
    check_close(weighted.nll, weighted.loss, weighted.nll, 1e-6, "equal weights");
    tw_guidance_free(silent);
    free_learner(&learner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_cases),
        cmocka_unit_test(test_guidance_gets_no_gradient),
        cmocka_unit_test(test_gradients_accumulate),
        cmocka_unit_test(test_nll_is_that_of_mle),
        cmocka_unit_test(test_draws_are_keyed),
        cmocka_unit_test(test_token_weights),
        cmocka_unit_test(test_no_reward_at_all),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
