/* Orders of which only the first places are known: their likelihood against the sum over
 * all complete orders that begin so, its gradient against differences; then the way from a
 * record's ranks and weight to the loss and gradients of a guidance model. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka wants the four above. */
#include <cmocka.h>

#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "guidance/plackett-luce.h"
#include "metric/ranks.h"
#include "train/alignment.h"

#define GPT2 "tests/fixtures/gpt2"

enum { COUNT = 5 };

static char path[] = "/tmp/test_partial_order.XXXXXX";

static void check_close(const char *what, double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance * fmax(fabs(want), 1)))
        fail_msg("%s: got %.17g, expected %.17g", what, got, want);
}

/* The probability of all orders that begin with order[0 .. at), by the loss of whole
 * orders alone: order[at ..) takes every permutation. */
static double sum_over_endings(const double *e, uint32_t *order, size_t at)
{
    if (at == COUNT)
        return exp(-tw_plackett_luce(e, order, COUNT, NULL));
    double sum = 0;
    for (size_t i = at; i < COUNT; i++) {
        uint32_t first = order[at];
        order[at] = order[i];
        order[i] = first;
        sum += sum_over_endings(e, order, at + 1);
        order[i] = order[at];
        order[at] = first;
    }
    return sum;
}

static void test_likelihood_is_that_of_all_endings(void **state)
{
    (void)state;
    const double e[COUNT] = {0.3, -1.2, 2.1, 0.8, -0.1};
    uint32_t order[COUNT] = {3, 0, 4, 2, 1};
    for (size_t known = 0; known <= COUNT; known++) {
        double got = exp(-tw_plackett_luce_top(e, order, COUNT, known, NULL));
        check_close("likelihood", got, sum_over_endings(e, order, known), 1e-12);
    }
    /* All but the last are all; one is a softmax; none says nothing. */
    check_close("all", tw_plackett_luce_top(e, order, COUNT, COUNT - 1, NULL),
                tw_plackett_luce(e, order, COUNT, NULL), 1e-14);
    double sum = 0;
    for (size_t k = 0; k < COUNT; k++)
        sum += exp(e[k] - e[3]);
    check_close("top", tw_plackett_luce_top(e, order, COUNT, 1, NULL), log(sum), 1e-14);
    assert_true(tw_plackett_luce_top(e, order, COUNT, 0, NULL) == 0);
}

/* Central differences in double: truncation of step^2, rounding of 1e-16 / step. */
static void test_gradient_by_differences(void **state)
{
    (void)state;
    static const double STEP = 1e-5;
    const uint32_t order[COUNT] = {3, 0, 4, 2, 1};
    double e[COUNT] = {0.3, -1.2, 2.1, 0.8, -0.1}, d_e[COUNT];
    for (size_t known = 0; known <= COUNT; known++) {
        tw_plackett_luce_top(e, order, COUNT, known, d_e);
        for (size_t k = 0; k < COUNT; k++) {
            const double keep = e[k];
            e[k] = keep + STEP;
            double up = tw_plackett_luce_top(e, order, COUNT, known, NULL);
            e[k] = keep - STEP;
            double down = tw_plackett_luce_top(e, order, COUNT, known, NULL);
            e[k] = keep;
            check_close("difference", d_e[k], (up - down) / (2 * STEP), 1e-8);
        }
    }
}

static void test_not_chosen_come_last(void **state)
{
    (void)state;
    const double scores[COUNT] = {TW_NOT_CHOSEN, -2, TW_NOT_CHOSEN, -1, -2};
    assert_int_equal(tw_known(scores, COUNT), 3);
    uint32_t order[COUNT];
    bool tied[2] = {false, false};
    for (uint64_t visit = 0; visit < 40; visit++) {
        tw_preference_order(scores, COUNT, 7, visit, 1, order);
        assert_int_equal(order[0], 3);
        assert_true(order[1] + order[2] == 5 && order[3] + order[4] == 2);
        tied[order[1] == 4] = true;
    }
    assert_true(tied[0] && tied[1]);
    /* Known above not chosen counts as a pair, two not chosen do not. */
    tw_pairs pairs = {0};
    tw_count_pairs(scores, (double[]){0, 2, 0, 3, 1}, COUNT, &pairs);
    assert_int_equal(pairs.count, 8);
    assert_true(pairs.right == 8);
}

static void test_given_ranks(void **state)
{
    (void)state;
    size_t ranks[6];
    static const size_t given[6] = {7, 0, 3, 3, 0, 4};
    tw_ranks_of_given(given, 6, 0, ranks);
    assert_memory_equal(ranks, ((size_t[]){4, 0, 1, 1, 0, 3}), sizeof ranks);
    tw_ranks_of_given(given, 6, 1, ranks);
    assert_memory_equal(ranks, ((size_t[]){4, 0, 1, 1, 0, 1}), sizeof ranks);
}

static void write_records(const char *text)
{
    assert_int_equal(tw_write_file(path, text, strlen(text)), 0);
}

static int load(const tw_guidance *guidance, tw_data *data)
{
    static const tw_text_options text;
    tw_data_options options = {.encoding = tw_encoding_of(guidance->model, &text)};
    char *files[] = {path};
    return tw_data_load_groups(data, files, 1, &options);
}

#define SAMPLES(a, b, c)                                                                           \
    "\"samples\":[{\"text\":\"fonts and logs\"" a "},{\"text\":\"images\"" b                       \
    "},{\"text\":\"a server\"" c "}]}\n"

#define RANK(n) ",\"rank\":" #n
#define SCORE(n) ",\"score\":" #n

static void test_records(void **state)
{
    const tw_guidance *guidance = *state;
    static const char partial[] = "{\"prompt\":\"p\"," SAMPLES("", RANK(2), RANK(1));
    static const char both[] = "{\"prompt\":\"p\",\"weight\":0.25," SAMPLES(
        SCORE(3) RANK(3), SCORE(2) RANK(2), SCORE(1) RANK(1));
    static const char equal[] = "{\"prompt\":\"p\"," SAMPLES(RANK(1), RANK(1), SCORE(2) RANK(1));
    char *text = tw_format("%s%s%s", partial, both, equal);
    write_records(text);
    free(text);
    tw_data data;
    assert_int_equal(load(guidance, &data), 0);
    assert_int_equal(data.count, 3);
    const tw_generation *top = data.groups[0].generations, *all = data.groups[1].generations;
    assert_true(top[0].score == TW_NOT_CHOSEN && top[1].score == -2 && top[2].score == -1);
    assert_true(data.groups[0].weight == 1 && !data.groups[0].equal);
    /* Scores, where all are there, are what rank wrote last. */
    assert_true(all[0].score == 3 && all[1].score == 2 && all[2].score == 1);
    assert_true(data.groups[1].weight == 0.25);
    assert_true(data.groups[2].equal);
    tw_data_free(&data);
}

static void test_bad_records(void **state)
{
    const tw_guidance *guidance = *state;
    static const char *const bad[][2] = {
        {"{\"prompt\":\"p\"," SAMPLES("", "", ""), ":1: samples[0].score: expected a number"},
        {"{\"prompt\":\"p\"," SAMPLES(",\"score\":1", "", ""), ":1: samples[1].score: expected a"},
        {"{\"prompt\":\"p\"," SAMPLES(",\"rank\":1", ",\"score\":1", ""),
         ":1: samples[1].rank: expected one, as others have no score"},
        {"{\"prompt\":\"p\"," SAMPLES(",\"rank\":0", "", ""), ":1: samples[0].rank: expected"},
        {"{\"prompt\":\"p\",\"weight\":0," SAMPLES(",\"rank\":1", "", ""),
         ":1: weight: expected a positive number, got 0"},
        {"{\"prompt\":\"p\",\"weight\":\"1\"," SAMPLES(",\"rank\":1", "", ""),
         ":1: weight: expected a positive number, got a string"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tw_data data;
        write_records(bad[i][0]);
        assert_int_equal(load(guidance, &data), -1);
        if (!strstr(tw_error(), bad[i][1]))
            fail_msg("case %zu said: %s", i, tw_error());
    }
}

/* Loss and gradient (of the head's second layer) of the one group in the file. */
static double align(tw_guidance *guidance, float *gradient, size_t size, tw_pairs *pairs)
{
    tw_data data;
    tw_aligner aligner;
    tw_alignment sums = {0};
    if (load(guidance, &data) < 0)
        fail_msg("%s", tw_error());
    tw_aligner_init(&aligner, guidance, 0, 0, true);
    const tw_tensor *tensor = guidance->head.weight2;
    assert_int_equal(tensor->width * tensor->rows, size);
    memset(tensor->dx, 0, size * sizeof *tensor->dx);
    tw_align(&aligner, &(tw_visit){&data.groups[0], 0, 0}, 1, 1, &sums);
    memcpy(gradient, tensor->dx, size * sizeof *gradient);
    *pairs = sums.pairs;
    tw_aligner_free(&aligner);
    tw_data_free(&data);
    return sums.loss;
}

/* With e of the model itself: the first choice is a softmax over all three, and a weight
 * scales loss and gradient (fp32 from here to there: 1e-5 of the largest entry). */
static void test_loss_and_gradient(void **state)
{
    enum { SIZE = 16 };
    tw_guidance *guidance = *state;
    float plain[SIZE], weighed[SIZE], complete[SIZE];
    tw_pairs pairs;
    write_records("{\"prompt\":\"p\"," SAMPLES("", ",\"rank\":1", ""));
    double loss = align(guidance, plain, SIZE, &pairs);
    assert_int_equal(pairs.count, 2);
    write_records("{\"prompt\":\"p\",\"weight\":2.5," SAMPLES("", ",\"rank\":1", ""));
    check_close("weighed loss", align(guidance, weighed, SIZE, &pairs), 2.5 * loss, 1e-12);
    float most = 0;
    for (size_t i = 0; i < SIZE; i++)
        most = fmaxf(most, fabsf(plain[i]));
    assert_true(most > 0);
    for (size_t i = 0; i < SIZE; i++)
        assert_true(fabsf(weighed[i] - 2.5F * plain[i]) <= 1e-5F * most);
    /* The likelihood of the choice is that of the two complete orders that begin with it. */
    write_records("{\"prompt\":\"p\"," SAMPLES(",\"rank\":2", ",\"rank\":1", ",\"rank\":3"));
    double sum = exp(-align(guidance, complete, SIZE, &pairs));
    assert_int_equal(pairs.count, 3);
    write_records("{\"prompt\":\"p\"," SAMPLES(",\"rank\":3", ",\"rank\":1", ",\"rank\":2"));
    sum += exp(-align(guidance, complete, SIZE, &pairs));
    check_close("choice", exp(-loss), sum, 1e-12);
}

static int set_up(void **state)
{
    int fd = mkstemp(path);
    if (fd < 0)
        return -1;
    close(fd);
    tw_guidance_settings settings = tw_guidance_defaults;
    settings.head_size = 16;
    tw_guidance *guidance = tw_guidance_start(GPT2, &settings, 1);
    if (!guidance)
        return -1;
    /* A fresh head says nearly the same everywhere. */
    for (size_t i = 0; i < guidance->head.weight1->rows * guidance->head.weight1->width; i++)
        guidance->head.weight1->x[i] = 0.3F * sinf(0.37F * (float)i);
    for (size_t i = 0; i < 16; i++)
        guidance->head.weight2->x[i] = 0.3F * sinf(0.9F * (float)i + 1);
    *state = guidance;
    return 0;
}

static int tear_down(void **state)
{
    tw_guidance_free(*state);
    unlink(path);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_likelihood_is_that_of_all_endings),
        cmocka_unit_test(test_gradient_by_differences),
        cmocka_unit_test(test_not_chosen_come_last),
        cmocka_unit_test(test_given_ranks),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_bad_records),
        cmocka_unit_test(test_loss_and_gradient),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
