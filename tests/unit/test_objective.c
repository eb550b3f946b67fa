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

static double mle(tw_learner *learner, size_t first, size_t count, tw_objective_report *report)
{
    return tw_mle(learner, batch + first, count, tw_mle_size(learner, batch, EXAMPLES), report);
}

static tw_drawn draw(const tw_learner *learner, uint64_t seed, uint64_t update)
{
    tw_drawn drawn;
    if (tw_draw_samples(learner, batch, EXAMPLES, seed, update, &drawn) < 0)
        fail_msg("%s", tw_error());
    return drawn;
}

/* A recorded case on the learner, in passes of `size` examples. */
static double run_case(tw_learner *learner, const json_t *recorded_case, size_t size,
                       tw_objective_report *report)
{
    double loss = 0;
    const char *objective = json_string_value(field(recorded_case, "objective"));
    learner->prompt_weight = number(recorded_case, "prompt_weight");
    for (size_t at = 0; strcmp(objective, "mle") == 0 && at < EXAMPLES; at += size)
        loss += mle(learner, at, size, report);
    if (strcmp(objective, "mle") == 0)
        return loss;
    learner->token_weight = kind_of(json_string_value(field(recorded_case, "token_weight")));
    learner->reward_scale = number(recorded_case, "reward_scale");
    for (size_t at = 0; strcmp(objective, "weighted-mle") == 0 && at < EXAMPLES; at += size)
        loss += tw_weighted_mle(learner, batch + at, size, EXAMPLES, report);
    if (strcmp(objective, "weighted-mle") == 0)
        return loss;
    tw_reinforce_options options = {.pg_weight = number(recorded_case, "pg_weight"),
                                    .entropy_weight = number(recorded_case, "entropy_weight")};
    learner->decode.sampling.greedy = true;
    learner->policy->config.stops =
        (tw_stops){.ids = {(int32_t)json_integer_value(field(recorded, "stop"))}, .count = 1};
    tw_drawn drawn = draw(learner, 0, 0);
    for (size_t at = 0; at < EXAMPLES; at += size)
        loss += tw_reinforce(learner, &drawn, at, size, &options, report);
    tw_drawn_free(&drawn);
    return loss;
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

/* One update is one mean, whatever its passes. */
static void check_recorded_cases(size_t pass_size)
{
    const json_t *cases = field(recorded, "cases"), *one;
    assert_int_equal(json_array_size(cases), 14);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        one = json_array_get(cases, i);
        char what[NAME_SIZE / 2];
        snprintf(what, sizeof what, "case %zu (%s), passes of %zu", i,
                 json_string_value(field(one, "objective")), pass_size);
        tw_learner learner = new_learner();
        tw_objective_report report = {0};
        double loss = run_case(&learner, one, pass_size, &report), tokens = (double)report.tokens;
        double size = fmax(fabs(number(one, "loss")), 1);
        check_close(number(one, "loss"), loss, size, LOSS_TOLERANCE, what);
        check_close(number(one, "nll"), report.nll / tokens, number(one, "nll"), LOSS_TOLERANCE,
                    what);
        check_close(number(one, "entropy"), report.entropy / tokens, number(one, "entropy"),
                    LOSS_TOLERANCE, what);
        check_close(number(one, "reward"), report.reward / tokens, 1, LOSS_TOLERANCE, what);
        check_close(mean_length(one), tokens / (double)report.completions, 1, 0, what);
        check_gradients(&learner.policy->params, field(one, "gradients"), what);
        free_learner(&learner);
    }
}

static void test_recorded_cases(void **state)
{
    (void)state;
    for (size_t size = EXAMPLES; size > 0; size /= 2)
        check_recorded_cases(size);
}

/* The guidance could be trained here, but nothing of that reaches it. */
static void test_guidance_gets_no_gradient(void **state)
{
    (void)state;
    tw_learner learner = new_learner();
    tw_reinforce_options options = {.pg_weight = 1, .entropy_weight = 1};
    tw_objective_report report = {0};
    tw_weighted_mle(&learner, batch, EXAMPLES, EXAMPLES, &report);
    tw_drawn drawn = draw(&learner, 0, 0);
    tw_reinforce(&learner, &drawn, 0, EXAMPLES, &options, &report);
    tw_drawn_free(&drawn);
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
    tw_objective_report report = {0};
    mle(&learner, 0, EXAMPLES, &report);
    const tw_params *params = &learner.policy->params;
    float *once = tw_alloc(params->size, sizeof *once);
    memcpy(once, params->dx, params->size * sizeof *once);
    mle(&learner, 0, EXAMPLES, &report);
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
    tw_objective_report report = {0};
    double loss = mle(&learner, 0, EXAMPLES, &report);
    check_close(loss, nll / (double)tokens, loss, 1e-6, "nll");
    /* it sums, batch after batch */
    tw_nll(&learner, batch, 1, &nll, &tokens);
    assert_int_equal(tokens, 24);
    free_learner(&learner);
}

static bool same_sample(const tw_drawn *a, size_t i, const tw_drawn *b, size_t j)
{
    const tw_sample *left = &a->requests[i].samples[0], *right = &b->requests[j].samples[0];
    return left->count == right->count &&
           memcmp(left->tokens, right->tokens, left->count * sizeof *left->tokens) == 0;
}

static bool same_samples(const tw_drawn *a, const tw_drawn *b)
{
    for (size_t i = 0; i < EXAMPLES; i++)
        if (!same_sample(a, i, b, i))
            return false;
    return true;
}

/* What is drawn depends on seed, update, key and place, and on nothing else. */
static void test_draws_are_keyed(void **state)
{
    (void)state;
    tw_learner learner = new_learner();
    learner.decode.max_new_tokens = 8;
    tw_drawn first = draw(&learner, 1, 1), update = draw(&learner, 1, 2),
             seed = draw(&learner, 2, 1);
    assert_false(same_samples(&first, &update));
    assert_false(same_samples(&first, &seed));
    learner.decode.batch_tokens = 1;
    tw_drawn again = draw(&learner, 1, 1);
    assert_true(same_samples(&first, &again));
    tw_drawn *all[] = {&first, &update, &seed, &again};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        tw_drawn_free(all[i]);
    free_learner(&learner);
}

/* A record that stands in an update twice, and two of one id: samples of their own. */
static void test_draws_know_their_place(void **state)
{
    (void)state;
    tw_learner learner = new_learner();
    learner.decode.max_new_tokens = 8;
    tw_example twin = examples[0];
    batch[1] = &examples[0];
    batch[2] = &twin;
    tw_drawn drawn = draw(&learner, 1, 1);
    assert_false(same_sample(&drawn, 0, &drawn, 1));
    assert_false(same_sample(&drawn, 0, &drawn, 2));
    assert_false(same_sample(&drawn, 1, &drawn, 2));
    tw_drawn_free(&drawn);
    for (size_t i = 0; i < EXAMPLES; i++)
        batch[i] = &examples[i];
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
    check_weights(TW_WEIGHT_UNIFORM, 3, (double[]){1, 1, 1, 1});
    float one = 0.75F;
    tw_token_weights(TW_WEIGHT_REWARD_TO_GO, 1, &one, 1);
    assert_true(one == 0.75F);
    /* of nothing at all, what stands behind it stays */
    for (int kind = TW_WEIGHT_REWARD; kind <= TW_WEIGHT_REWARD_TO_GO; kind++)
        tw_token_weights((tw_token_weight)kind, 1, &one, 0);
    assert_true(one == 0.75F);
}

/* Completions without a token, where nothing closes them: one among others, then alone. */
static void test_empty_completions(void **state)
{
    (void)state;
    tw_ids whole = examples[1].completion;
    for (int kind = TW_WEIGHT_REWARD; kind <= TW_WEIGHT_REWARD_TO_GO; kind++) {
        tw_learner learner = new_learner();
        tw_objective_report all = {0}, none = {0};
        learner.token_weight = (tw_token_weight)kind;
        examples[1].completion.count = 0;
        double loss = tw_weighted_mle(&learner, batch, EXAMPLES, EXAMPLES, &all);
        assert_true(isfinite(loss) && loss > 0 && isfinite(all.reward));
        assert_int_equal(all.tokens, 18 - whole.count);
        assert_true(isfinite(mle(&learner, 0, EXAMPLES, &all)));
        assert_true(mle(&learner, 1, 1, &none) == 0);
        assert_true(tw_weighted_mle(&learner, batch + 1, 1, EXAMPLES, &none) == 0);
        double nll = 0;
        uint64_t tokens = 0;
        tw_nll(&learner, batch + 1, 1, &nll, &tokens);
        assert_true(tokens == 0 && nll == 0 && none.tokens == 0 && none.nll == 0);
        examples[1].completion = whole;
        free_learner(&learner);
    }
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
    tw_objective_report weighted = {0};
    double loss = tw_weighted_mle(&learner, batch, 1, 1, &weighted);
    assert_true(weighted.reward == 0);
    check_close(weighted.nll / (double)weighted.tokens, loss, loss, 1e-6, "equal weights");
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
        cmocka_unit_test(test_draws_know_their_place),
        cmocka_unit_test(test_token_weights),
        cmocka_unit_test(test_empty_completions),
        cmocka_unit_test(test_no_reward_at_all),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
