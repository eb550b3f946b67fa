/* The ops' gradients against finite differences, some values against their definitions. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "differences.h"
#include "tensor/gemm.h"
#include "tensor/kernels/kernels.h"
#include "tensor/op.h"

static tw_tensor *run_linear(tw_tape *tape, const trial *t)
{
    return tw_linear(tape, doubled(tape, t->inputs[0]), t->inputs[1], t->inputs[2],
                     *(const tw_weight_layout *)t->context);
}

static void test_linear(void **state)
{
    (void)state;
    for (tw_weight_layout layout = TW_IN_OUT; layout <= TW_OUT_IN; layout++) {
        tw_params params = {0};
        size_t in = 5, out = 7;
        trial t = {.count = 3, .context = &layout, .run = run_linear};
        t.inputs[0] = input(&params, 0, 6, in);
        t.inputs[1] = layout == TW_IN_OUT ? input(&params, 1, in, out) : input(&params, 1, out, in);
        t.inputs[2] = input(&params, 2, 1, out);
        fill(&params);
        check(&t);
        tw_params_free(&params);
    }
}

static tw_tensor *run_layer_norm(tw_tape *tape, const trial *t)
{
    return tw_layer_norm(tape, doubled(tape, t->inputs[0]), t->inputs[1], t->inputs[2], 1e-5F);
}

static void test_layer_norm(void **state)
{
    (void)state;
    tw_params params = {0};
    trial t = {.count = 3, .run = run_layer_norm};
    t.inputs[0] = input(&params, 0, 150, 9); /* more rows than one block of partial sums */
    t.inputs[1] = input(&params, 1, 1, 9);
    t.inputs[2] = input(&params, 2, 1, 9);
    fill(&params);
    check(&t);
    tw_params_free(&params);
}

static tw_tensor *run_activate(tw_tape *tape, const trial *t)
{
    return tw_activate(tape, doubled(tape, t->inputs[0]), *(const tw_activation_kind *)t->context);
}

static void test_activate(void **state)
{
    (void)state;
    for (tw_activation_kind kind = TW_GELU_TANH; kind <= TW_RELU; kind++) {
        tw_params params = {0};
        trial t = {.count = 1, .context = &kind, .run = run_activate};
        t.inputs[0] = input(&params, 0, 8, 9);
        fill(&params);
        for (size_t i = 0; i < 72; i++) /* keep away from the kink of relu */
            t.inputs[0]->x[i] += t.inputs[0]->x[i] > 0 ? 0.1F : -0.1F;
        check(&t);
        tw_params_free(&params);
    }
}

static tw_tensor *run_add(tw_tape *tape, const trial *t)
{
    tw_tensor *a = doubled(tape, t->inputs[0]);
    tw_tensor *b = tw_add(tape, a, t->inputs[1]);
    return tw_add(tape, b, tw_activate(tape, a, TW_GELU_TANH)); /* a is used twice */
}

static void test_add(void **state)
{
    (void)state;
    tw_params params = {0};
    trial t = {.count = 2, .run = run_add};
    t.inputs[0] = input(&params, 0, 4, 5);
    t.inputs[1] = input(&params, 1, 4, 5);
    fill(&params);
    check(&t);
    tw_params_free(&params);
}

static tw_tensor *run_gather(tw_tape *tape, const trial *t)
{
    return tw_gather(tape, doubled(tape, t->inputs[0]), (uint32_t[]){4, 0, 4, 2}, 4);
}

static void test_gather(void **state)
{
    (void)state;
    tw_params params = {0};
    trial t = {.count = 1, .run = run_gather};
    t.inputs[0] = input(&params, 0, 5, 3);
    fill(&params);
    check(&t);
    tw_params_free(&params);
}

/* Two trees: a prompt of 5 with three children (one of them with a child of its own), and a
 * lone sequence of 70 tokens (more than one block of queries) when long. */
static void forest(tw_batch *batch, bool is_long)
{
    int32_t tokens[80];
    for (int i = 0; i < 80; i++)
        tokens[i] = (i * 5) % 11;
    tw_batch_add(batch, tokens, 5, -1);
    tw_batch_add(batch, tokens + 3, 3, 0);
    tw_batch_add(batch, tokens + 7, 1, 0);
    tw_batch_add(batch, tokens + 2, 2, -1);
    tw_batch_add(batch, tokens + 1, 4, 0);
    tw_batch_add(batch, tokens + 9, 2, 4);
    if (is_long)
        tw_batch_add(batch, tokens, 70, 3);
}

static tw_tensor *run_embedding(tw_tape *tape, const trial *t)
{
    return tw_embedding(tape, t->inputs[0], t->inputs[1], t->context);
}

static void test_embedding(void **state)
{
    (void)state;
    tw_batch batch = {0};
    forest(&batch, false);
    assert_int_equal(batch.positions[5], 5); /* a child goes on where its prompt ends */
    assert_int_equal(batch.positions[8], 5);
    assert_int_equal(batch.positions[15], 9);
    tw_params params = {0};
    trial t = {.count = 2, .context = &batch, .run = run_embedding};
    t.inputs[0] = input(&params, 0, 11, 3);
    t.inputs[1] = input(&params, 1, 12, 3);
    fill(&params);
    /* rows that no token uses have no gradient; check() needs one per tensor only */
    check(&t);
    tw_params_free(&params);
    tw_batch_free(&batch);
}

enum { HEADS = 4, KV_HEADS = 2, HEAD_SIZE = 3 };

static const tw_attention_shape shape = {
    .heads = HEADS, .kv_heads = KV_HEADS, .head_size = HEAD_SIZE, .scale = 0.5F};

static tw_tensor *run_attention(tw_tape *tape, const trial *t)
{
    tw_tensor *q = t->inputs[0], *kv = doubled(tape, t->inputs[1]);
    return tw_attention(tape, (tw_columns){q, 1}, (tw_columns){kv, 0},
                        (tw_columns){kv, KV_HEADS * HEAD_SIZE}, &shape, t->context);
}

static void test_attention(void **state)
{
    (void)state;
    for (int is_long = 0; is_long <= 1; is_long++) {
        tw_batch batch = {0};
        forest(&batch, is_long);
        tw_params params = {0};
        trial t = {.count = 2, .context = &batch, .run = run_attention};
        t.inputs[0] = input(&params, 0, batch.rows, 1 + HEADS * HEAD_SIZE);
        t.inputs[1] = input(&params, 1, batch.rows, 2 * KV_HEADS * HEAD_SIZE);
        fill(&params);
        for (size_t i = 0; is_long && i < params.size; i++)
            params.x[i] *= 0.5F; /* flatter softmax: less truncation error over 70 keys */
        check(&t);
        tw_params_free(&params);
        tw_batch_free(&batch);
    }
}

/* Attention over a forest equals attention written as the definition, a row at a time. */
static void test_attention_definition(void **state)
{
    (void)state;
    tw_batch batch = {0};
    forest(&batch, true);
    tw_params params = {0};
    trial t = {.context = &batch, .run = run_attention};
    t.inputs[0] = input(&params, 0, batch.rows, 1 + HEADS * HEAD_SIZE);
    t.inputs[1] = input(&params, 1, batch.rows, 2 * KV_HEADS * HEAD_SIZE);
    fill(&params);
    tw_tape *tape = tw_tape_new(true);
    const tw_tensor *y = run_attention(tape, &t);
    for (size_t s = 0; s < batch.count; s++) {
        for (size_t i = 0; i < batch.segments[s].length; i++) {
            uint32_t seen[200];
            size_t count = 0, row = batch.segments[s].first + i;
            for (int64_t a = (int64_t)s; a >= 0; a = batch.segments[a].parent)
                for (size_t j = 0; j < (a == (int64_t)s ? i + 1 : batch.segments[a].length); j++)
                    seen[count++] = (uint32_t)(batch.segments[a].first + j);
            for (size_t h = 0; h < HEADS; h++) {
                const float *q = t.inputs[0]->x + row * t.inputs[0]->width + 1 + h * HEAD_SIZE;
                double sum = 0, expected[HEAD_SIZE] = {0};
                for (size_t c = 0; c < count; c++) {
                    const float *k =
                        t.inputs[1]->x + seen[c] * t.inputs[1]->width + h / 2 * HEAD_SIZE;
                    const float *v = k + (size_t)KV_HEADS * HEAD_SIZE;
                    double score = 0;
                    for (int j = 0; j < HEAD_SIZE; j++)
                        score += 0.5 * q[j] * 2 * k[j];
                    sum += exp(score);
                    for (int j = 0; j < HEAD_SIZE; j++)
                        expected[j] += exp(score) * 2 * v[j];
                }
                for (size_t j = 0; j < HEAD_SIZE; j++)
                    assert_true(fabs(expected[j] / sum - y->x[row * y->width + h * HEAD_SIZE + j]) <
                                1e-5);
            }
        }
    }
    tw_tape_free(tape);
    tw_params_free(&params);
    tw_batch_free(&batch);
}

enum { ROWS = 300, VOCABULARY = 13, WIDTH = 4 }; /* rows: more than one chunk */

static struct {
    int32_t targets[ROWS];
    float nll_weight[ROWS], entropy_weight[ROWS], nll[ROWS], entropy[ROWS];
} token;

static double cross_entropy(tw_tensor *hidden, tw_tensor *weight, tw_tensor *bias)
{
    tw_tape *tape = tw_tape_new(true);
    tw_token_loss loss = {.targets = token.targets,
                          .nll_weight = token.nll_weight,
                          .entropy_weight = token.entropy_weight,
                          .nll = token.nll,
                          .entropy = token.entropy,
                          .bias = bias};
    double total = tw_cross_entropy(tape, hidden, weight, &loss);
    tw_backward(tape);
    tw_tape_free(tape);
    return total;
}

static void test_cross_entropy(void **state)
{
    (void)state;
    tw_params params = {0};
    tw_tensor *hidden = input(&params, 0, ROWS, WIDTH),
              *weight = input(&params, 1, VOCABULARY, WIDTH),
              *bias = input(&params, 2, 1, VOCABULARY);
    fill(&params);
    for (size_t i = 0; i < ROWS; i++) {
        token.targets[i] = (int32_t)(i * 7 % VOCABULARY);
        token.nll_weight[i] = 0.5F + 0.5F * noise(5, i);
        token.entropy_weight[i] = i % 2 ? 0.3F * noise(6, i) : 0;
    }
    double total = cross_entropy(hidden, weight, bias), expected = 0;
    for (size_t i = 0; i < ROWS; i++) {
        double logits[VOCABULARY], sum = 0, entropy = 0;
        for (size_t j = 0; j < VOCABULARY; j++) {
            logits[j] = bias->x[j];
            for (size_t d = 0; d < WIDTH; d++)
                logits[j] += (double)hidden->x[i * WIDTH + d] * weight->x[j * WIDTH + d];
            sum += exp(logits[j]);
        }
        for (size_t j = 0; j < VOCABULARY; j++)
            entropy -= exp(logits[j]) / sum * (logits[j] - log(sum));
        double nll = log(sum) - logits[token.targets[i]];
        assert_true(fabs(nll - token.nll[i]) < 1e-5 * (1 + nll));
        assert_true(fabs(entropy - token.entropy[i]) < 1e-5 * (1 + entropy));
        expected += token.nll_weight[i] * nll + token.entropy_weight[i] * entropy;
    }
    assert_true(fabs(total - expected) < 1e-5 * fabs(expected));
    /* gradients by differences of the double sum that the op returns; each call adds to dx */
    float *gradient = tw_alloc(params.size, sizeof *gradient);
    memcpy(gradient, params.dx, params.size * sizeof *gradient);
    tw_tensor *inputs[] = {hidden, weight, bias};
    for (int k = 0; k < 3; k++) {
        const size_t count = inputs[k]->rows * inputs[k]->width;
        double largest = 0;
        for (size_t i = 0; i < count; i++)
            largest = fmax(largest, fabs(inputs[k]->dx[i]));
        for (size_t i = 0; i < count; i++) {
            float keep = inputs[k]->x[i], dx = inputs[k]->dx[i];
            inputs[k]->x[i] = keep + STEP;
            double up = cross_entropy(hidden, weight, bias);
            inputs[k]->x[i] = keep - STEP;
            double down = cross_entropy(hidden, weight, bias);
            inputs[k]->x[i] = keep;
            if (fabs((up - down) / (2.0 * (double)STEP) - dx) > TOLERANCE * largest)
                fail_msg("input %d element %zu: %g, finite difference %g", k, i, dx,
                         (up - down) / (2.0 * (double)STEP));
            memcpy(params.dx, gradient, params.size * sizeof *gradient);
        }
    }
    free(gradient);
    tw_params_free(&params);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear),        cmocka_unit_test(test_layer_norm),
        cmocka_unit_test(test_activate),      cmocka_unit_test(test_add),
        cmocka_unit_test(test_gather),        cmocka_unit_test(test_embedding),
        cmocka_unit_test(test_attention),     cmocka_unit_test(test_attention_definition),
        cmocka_unit_test(test_cross_entropy),

    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
