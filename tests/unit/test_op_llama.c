/* The ops of Llama's family: gradients against finite differences, values against their
 * definitions, and a row's bits whatever rows stand beside it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "differences.h"
#include "tensor/op.h"

static tw_tensor *run_rms_norm(tw_tape *tape, const trial *t)
{
    return tw_rms_norm(tape, doubled(tape, t->inputs[0]), t->inputs[1], 1e-5F);
}

static void test_rms_norm(void **state)
{
    (void)state;
    for (size_t heads = 1; heads <= 3; heads += 2) {
        tw_params params = {0};
        trial t = {.count = 2, .run = run_rms_norm};
        t.inputs[0] = input(&params, 0, 150 / heads, 9 * heads); /* more than a block of sums */
        t.inputs[1] = input(&params, 1, 1, 9);
        fill(&params);
        check(&t);
        tw_params_free(&params);
    }
}

/* The input meets the op straight, its gradient must be added to what is there. */
static tw_tensor *run_rms_norm_twice(tw_tape *tape, const trial *t)
{
    tw_tensor *x = doubled(tape, t->inputs[0]);
    return tw_add(tape, tw_rms_norm(tape, x, t->inputs[1], 1e-5F),
                  tw_rms_norm(tape, x, t->inputs[2], 1e-3F));
}

static void test_rms_norm_twice(void **state)
{
    (void)state;
    tw_params params = {0};
    trial t = {.count = 3, .run = run_rms_norm_twice};
    t.inputs[0] = input(&params, 0, 4, 6);
    t.inputs[1] = input(&params, 1, 1, 6);
    t.inputs[2] = input(&params, 2, 1, 3);
    fill(&params);
    check(&t);
    tw_params_free(&params);
}

static void test_rms_norm_definition(void **state)
{
    (void)state;
    enum { ROWS = 3, HEADS = 2, SIZE = 21 };
    tw_params params = {0};
    tw_tensor *x = input(&params, 0, ROWS, HEADS * SIZE), *gain = input(&params, 1, 1, SIZE);
    fill(&params);
    tw_tape *tape = tw_tape_new(false);
    const tw_tensor *y = tw_rms_norm(tape, x, gain, 0.5F);
    for (size_t h = 0; h < (size_t)ROWS * HEADS; h++) {
        double square = 0;
        for (size_t j = 0; j < SIZE; j++)
            square += (double)x->x[h * SIZE + j] * x->x[h * SIZE + j];
        for (size_t j = 0; j < SIZE; j++) {
            double expected = x->x[h * SIZE + j] / sqrt(square / SIZE + 0.5) * gain->x[j];
            assert_true(fabs(y->x[h * SIZE + j] - expected) < 1e-6 * (1 + fabs(expected)));
        }
    }
    tw_tape_free(tape);
    tw_params_free(&params);
}

enum { PAIRS = 5, HEADS = 3 };

static const float frequencies[PAIRS] = {1, 0.5F, 0.1F, 0.03F, 0.001F};

static void batch_of(tw_batch *batch)
{
    static const int32_t tokens[16];
    tw_batch_add(batch, tokens, 7, -1);
    tw_batch_add(batch, tokens, 3, 0);
    tw_batch_add(batch, tokens, 2, 0);
    tw_batch_add(batch, tokens, 4, -1);
}

static tw_tensor *run_rope(tw_tape *tape, const trial *t)
{
    const tw_rotation *rotation = tw_rotation_of(tape, frequencies, PAIRS, t->context);
    tw_tensor *x = doubled(tape, t->inputs[0]);
    /* x is used twice, so that the gradient is written once and added to once. */
    return tw_add(tape, tw_rope(tape, x, rotation), tw_rope(tape, x, rotation));
}

static void test_rope(void **state)
{
    (void)state;
    tw_batch batch = {0};
    batch_of(&batch);
    tw_params params = {0};
    trial t = {.count = 1, .context = &batch, .run = run_rope};
    t.inputs[0] = input(&params, 0, batch.rows, (size_t)HEADS * 2 * PAIRS);
    fill(&params);
    check(&t);
    tw_params_free(&params);
    tw_batch_free(&batch);
}

/* As a rotation of the plane of complex numbers. */
static void test_rope_definition(void **state)
{
    (void)state;
    tw_batch batch = {0};
    batch_of(&batch);
    tw_params params = {0};
    tw_tensor *x = input(&params, 0, batch.rows, (size_t)HEADS * 2 * PAIRS);
    fill(&params);
    tw_tape *tape = tw_tape_new(false);
    const tw_tensor *y = tw_rope(tape, x, tw_rotation_of(tape, frequencies, PAIRS, &batch));
    static const int positions[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 7, 8, 0, 1, 2, 3};
    for (size_t r = 0; r < batch.rows; r++)
        for (size_t i = 0; i < (size_t)HEADS * PAIRS; i++) {
            size_t at = r * x->width + i / PAIRS * 2 * PAIRS + i % PAIRS;
            double angle = atan2(x->x[at + PAIRS], x->x[at]),
                   size = hypot(x->x[at + PAIRS], x->x[at]);
            angle += positions[r] * (double)frequencies[i % PAIRS];
            assert_true(fabs(y->x[at] - size * cos(angle)) < 1e-6 * (1 + size));
            assert_true(fabs(y->x[at + PAIRS] - size * sin(angle)) < 1e-6 * (1 + size));
        }
    tw_tape_free(tape);
    tw_params_free(&params);
    tw_batch_free(&batch);
}

static tw_tensor *run_gated(tw_tape *tape, const trial *t)
{
    tw_tensor *gate = doubled(tape, t->inputs[0]), *up = doubled(tape, t->inputs[1]);
    /* Each is used twice, and once as both. */
    return tw_add(tape, tw_gated_silu(tape, gate, up), tw_gated_silu(tape, up, up));
}

static void test_gated(void **state)
{
    (void)state;
    tw_params params = {0};
    trial t = {.count = 2, .run = run_gated};
    t.inputs[0] = input(&params, 0, 5, 11);
    t.inputs[1] = input(&params, 1, 5, 11);
    fill(&params);
    check(&t);
    tw_params_free(&params);
}

static void test_gated_definition(void **state)
{
    (void)state;
    enum { WIDTH = 37 };
    tw_params params = {0};
    tw_tensor *gate = input(&params, 0, 2, WIDTH), *up = input(&params, 1, 2, WIDTH);
    fill(&params);
    gate->x[0] = -200;
    gate->x[1] = 200;
    tw_tape *tape = tw_tape_new(false);
    const tw_tensor *y = tw_gated_silu(tape, gate, up);
    for (size_t i = 0; i < (size_t)2 * WIDTH; i++) {
        double expected = gate->x[i] / (1 + exp(-(double)gate->x[i])) * up->x[i];
        assert_true(fabs(y->x[i] - expected) < 1e-6 * (1 + fabs(expected)));
    }
    tw_tape_free(tape);
    tw_params_free(&params);
}

/* The rows of a batch, each computed in a batch of its own and at another place in memory. */
static void test_rows_apart(void **state)
{
    (void)state;
    enum { ROWS = 9, SIZE = 26, WIDTH = HEADS * SIZE };
    static const int32_t tokens[ROWS];
    static float turns[SIZE / 2];
    for (size_t i = 0; i < SIZE / 2; i++)
        turns[i] = noise(3, i);
    tw_params params = {0};
    tw_tensor *x = input(&params, 0, ROWS, WIDTH), *up = input(&params, 1, ROWS, WIDTH);
    tw_tensor *gain = input(&params, 2, 1, SIZE);
    fill(&params);
    tw_batch all = {0};
    tw_batch_add(&all, tokens, ROWS, -1);
    tw_tape *tape = tw_tape_new(false);
    const tw_tensor *norm = tw_rms_norm(tape, x, gain, 1e-5F);
    const tw_tensor *turned = tw_rope(tape, x, tw_rotation_of(tape, turns, SIZE / 2, &all));
    const tw_tensor *gated = tw_gated_silu(tape, x, up);
    for (size_t r = 0; r < ROWS; r++) {
        tw_tensor one = *x, one_up = *up;
        one.rows = one_up.rows = 1;
        one.x += r * WIDTH;
        one_up.x += r * WIDTH;
        tw_batch batch = {0};
        tw_batch_add(&batch, tokens, 1, -1);
        batch.positions[0] = (int32_t)r;
        tw_arena_alloc(tw_tape_arena(tape), 7 * r, 1);
        size_t bytes = WIDTH * sizeof(float), at = r * WIDTH;
        assert_memory_equal(norm->x + at, tw_rms_norm(tape, &one, gain, 1e-5F)->x, bytes);
        const tw_rotation *rotation = tw_rotation_of(tape, turns, SIZE / 2, &batch);
        assert_memory_equal(turned->x + at, tw_rope(tape, &one, rotation)->x, bytes);
        assert_memory_equal(gated->x + at, tw_gated_silu(tape, &one, &one_up)->x, bytes);
        tw_batch_free(&batch);
    }
    tw_tape_free(tape);
    tw_params_free(&params);
    tw_batch_free(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rms_norm),
        cmocka_unit_test(test_rms_norm_twice),
        cmocka_unit_test(test_rms_norm_definition),
        cmocka_unit_test(test_rope),
        cmocka_unit_test(test_rope_definition),
        cmocka_unit_test(test_gated),
        cmocka_unit_test(test_gated_definition),
        cmocka_unit_test(test_rows_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
