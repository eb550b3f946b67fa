/* The ops of encoders: gradients against finite differences, values against their definitions. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "differences.h"
#include "tensor/op.h"

enum { HEADS = 4, KV_HEADS = 2, HEAD_SIZE = 3, MOST = 200 };

static const tw_attention_shape shape = {.heads = HEADS,
                                         .kv_heads = KV_HEADS,
                                         .head_size = HEAD_SIZE,
                                         .scale = 0.5F,
                                         .bidirectional = true};

/* Sequences, one with two children that see all of it; one of more than a block of queries. */
static void batch_of(tw_batch *batch)
{
    static const int32_t tokens[70];
    tw_batch_add(batch, tokens, 5, -1);
    tw_batch_add(batch, tokens, 3, 0);
    tw_batch_add(batch, tokens, 1, 0);
    tw_batch_add(batch, tokens, 70, -1);
    tw_batch_add(batch, tokens, 1, -1);
}

static tw_tensor *run_attention(tw_tape *tape, const trial *t)
{
    tw_tensor *q = t->inputs[0], *kv = doubled(tape, t->inputs[1]);
    return tw_attention(tape, (tw_columns){q, 1}, (tw_columns){kv, 0},
                        (tw_columns){kv, KV_HEADS * HEAD_SIZE}, &shape, t->context);
}

static trial trial_of(tw_params *params, const tw_batch *batch)
{
    trial t = {.count = 2, .context = batch, .run = run_attention};
    t.inputs[0] = input(params, 0, batch->rows, 1 + HEADS * HEAD_SIZE);
    t.inputs[1] = input(params, 1, batch->rows, 2 * KV_HEADS * HEAD_SIZE);
    fill(params);
    for (size_t i = 0; i < params->size; i++)
        params->x[i] *= 0.5F; /* flatter softmax: less truncation error over 70 keys */
    return t;
}

static void test_bidirectional(void **state)
{
    (void)state;
    tw_batch batch = {0};
    batch_of(&batch);
    tw_params params = {0};
    trial t = trial_of(&params, &batch);
    check(&t);
    tw_params_free(&params);
    tw_batch_free(&batch);
}

/* Rows that the rows of a segment see. */
static size_t seen_by(const tw_batch *batch, size_t segment, size_t *seen)
{
    size_t count = 0;
    for (int64_t s = (int64_t)segment; s >= 0; s = batch->segments[s].parent)
        for (size_t i = 0; i < batch->segments[s].length; i++)
            seen[count++] = batch->segments[s].first + i;
    return count;
}

static void expected_head(const trial *t, size_t row, size_t h, const size_t *seen, size_t count,
                          double *expected)
{
    const float *q = t->inputs[0]->x + row * t->inputs[0]->width + 1 + h * HEAD_SIZE;
    double sum = 0;
    for (size_t j = 0; j < HEAD_SIZE; j++)
        expected[j] = 0;
    for (size_t c = 0; c < count; c++) {
        const float *k = t->inputs[1]->x + seen[c] * t->inputs[1]->width + h / 2 * HEAD_SIZE;
        const float *v = k + (size_t)KV_HEADS * HEAD_SIZE;
        double score = 0;
        for (size_t j = 0; j < HEAD_SIZE; j++)
            score += 0.5 * (double)q[j] * 2 * (double)k[j];
        sum += exp(score);
        for (size_t j = 0; j < HEAD_SIZE; j++)
            expected[j] += exp(score) * 2 * (double)v[j];
    }
    for (size_t j = 0; j < HEAD_SIZE; j++)
        expected[j] /= sum;
}

static void test_bidirectional_definition(void **state)
{
    (void)state;
    tw_batch batch = {0};
    batch_of(&batch);
    tw_params params = {0};
    trial t = trial_of(&params, &batch);
    tw_tape *tape = tw_tape_new(false);
    const tw_tensor *y = run_attention(tape, &t);
    for (size_t s = 0; s < batch.count; s++) {
        size_t seen[MOST], count = seen_by(&batch, s, seen);
        for (size_t i = 0; i < batch.segments[s].length; i++)
            for (size_t h = 0; h < HEADS; h++) {
                size_t row = batch.segments[s].first + i;
                double expected[HEAD_SIZE];
                expected_head(&t, row, h, seen, count, expected);
                for (size_t j = 0; j < HEAD_SIZE; j++)
                    assert_true(fabs(expected[j] -
                                     (double)y->x[row * y->width + h * HEAD_SIZE + j]) < 1e-5);
            }
    }
    tw_tape_free(tape);
    tw_params_free(&params);
    tw_batch_free(&batch);
}

/* x Phi(x); its gradient is in test_op.c with the other activations. */
static void test_gelu_erf(void **state)
{
    (void)state;
    enum { COUNT = 4001 };
    tw_params params = {0};
    tw_tensor *x = input(&params, 0, 1, COUNT);
    fill(&params);
    for (size_t i = 0; i < COUNT; i++)
        x->x[i] = ((float)i - 2000) * 0.005F;
    tw_tape *tape = tw_tape_new(false);
    const tw_tensor *y = tw_activate(tape, x, TW_GELU_ERF);
    for (size_t i = 0; i < COUNT; i++) {
        double expected = 0.5 * (double)x->x[i] * erfc(-(double)x->x[i] * sqrt(0.5));
        assert_true(fabs((double)y->x[i] - expected) < 3e-7 * (fabs((double)x->x[i]) + 0.1));
    }
    tw_tape_free(tape);
    tw_params_free(&params);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bidirectional),
        cmocka_unit_test(test_bidirectional_definition),
        cmocka_unit_test(test_gelu_erf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
