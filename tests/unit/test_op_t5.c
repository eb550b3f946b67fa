/* The ops of T5: gradients against finite differences, values against their definitions. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <omp.h>

#include "differences.h"
#include "tensor/op.h"

enum { HEADS = 4, KV_HEADS = 2, HEAD_SIZE = 3, BUCKETS = 8, MAX_DISTANCE = 20, LONG = 70 };

/* Two sources, one of more keys than a block has queries; starts with children and grandchildren,
 * two starts of one source, one segment of more than a block of queries. */
static void batch_of(tw_batch *batch)
{
    static const int32_t tokens[LONG];
    int64_t first = (int64_t)tw_batch_add_source(batch, tokens, LONG);
    int64_t second = (int64_t)tw_batch_add_source(batch, tokens, 4);
    const int64_t sources[] = {first, second, first};
    for (size_t i = 0; i < 3; i++) {
        size_t start = tw_batch_add(batch, tokens, 1, -1);
        batch->segments[start].source = sources[i];
        size_t child = tw_batch_add(batch, tokens, 3, (int64_t)start);
        tw_batch_add(batch, tokens, i == 1 ? LONG : 2, (int64_t)start);
        tw_batch_add(batch, tokens, 2, (int64_t)child);
    }
}

/* Queries of the decoder's rows, keys and values of rows of the same or of the encoder. */
static trial trial_of(tw_params *params, const tw_batch *batch, size_t keys)
{
    trial t = {.count = 2, .context = batch};
    t.inputs[0] = input(params, 0, batch->rows, 1 + HEADS * HEAD_SIZE);
    t.inputs[1] = input(params, 1, keys, 2 * KV_HEADS * HEAD_SIZE);
    t.inputs[2] = input(params, 2, BUCKETS, HEADS);
    fill(params);
    for (size_t i = 0; i < params->size; i++)
        params->x[i] *= 0.5F; /* flatter softmax: less truncation error over 70 keys */
    return t;
}

static tw_tensor *attend(tw_tape *tape, const trial *t, tw_attention_shape shape)
{
    tw_tensor *q = t->inputs[0], *kv = doubled(tape, t->inputs[1]);
    shape.heads = HEADS;
    shape.kv_heads = KV_HEADS;
    shape.head_size = HEAD_SIZE;
    shape.scale = 0.5F;
    return tw_attention(tape, (tw_columns){q, 1}, (tw_columns){kv, 0},
                        (tw_columns){kv, KV_HEADS * HEAD_SIZE}, &shape, t->context);
}

static tw_tensor *run_cross(tw_tape *tape, const trial *t)
{
    return attend(tape, t, (tw_attention_shape){.cross = true});
}

/* Two layers that share a table, which gains the gradient of both. */
static tw_tensor *run_relative(tw_tape *tape, const trial *t, bool bidirectional)
{
    tw_buckets rule = {MAX_DISTANCE, bidirectional};
    tw_attention_shape shape = {.bidirectional = bidirectional};
    shape.relative = tw_relative_of(tape, t->inputs[2], rule, t->context);
    return tw_add(tape, attend(tape, t, shape), tw_scale(tape, attend(tape, t, shape), 0.3F));
}

static tw_tensor *run_causal(tw_tape *tape, const trial *t)
{
    return run_relative(tape, t, false);
}

static tw_tensor *run_bidirectional(tw_tape *tape, const trial *t)
{
    return run_relative(tape, t, true);
}

static void test_cross(void **state)
{
    (void)state;
    tw_batch batch = {0};
    batch_of(&batch);
    tw_params params = {0};
    trial t = trial_of(&params, &batch, batch.encoder->rows);
    t.run = run_cross;
    check(&t);
    tw_params_free(&params);
    tw_batch_free(&batch);
}

static void test_relative(void **state)
{
    (void)state;
    for (int bidirectional = 0; bidirectional <= 1; bidirectional++) {
        tw_batch batch = {0};
        batch_of(&batch);
        tw_params params = {0};
        trial t = trial_of(&params, &batch, batch.rows);
        t.count = 3;
        t.run = bidirectional ? run_bidirectional : run_causal;
        check(&t);
        tw_params_free(&params);
        tw_batch_free(&batch);
    }
}

/* A row that attention sees, and at which place of the text. */
typedef struct seen {
    size_t row;
    int64_t place;
} seen;

/* What row i of a segment sees: the source's rows, or its ancestors' and its own up to itself. */
static size_t seen_by(const tw_batch *batch, size_t segment, size_t i, bool cross, seen *all)
{
    size_t count = 0;
    if (cross) {
        const tw_segment *source = &batch->encoder->segments[batch->segments[segment].source];
        for (; count < source->length; count++)
            all[count] = (seen){source->first + count, (int64_t)count};
        return count;
    }
    for (int64_t s = (int64_t)segment; s >= 0; s = batch->segments[s].parent) {
        const tw_segment *at = &batch->segments[s];
        for (size_t j = 0; j < (s == (int64_t)segment ? i + 1 : at->length); j++)
            all[count++] = (seen){at->first + j, (int64_t)(at->past + j)};
    }
    return count;
}

static void expected_head(const trial *t, size_t row, size_t h, const seen *all, size_t count,
                          const double *bias, double *expected)
{
    const float *q = t->inputs[0]->x + row * t->inputs[0]->width + 1 + h * HEAD_SIZE;
    double sum = 0;
    for (size_t j = 0; j < HEAD_SIZE; j++)
        expected[j] = 0;
    for (size_t c = 0; c < count; c++) {
        const float *k = t->inputs[1]->x + all[c].row * t->inputs[1]->width + h / 2 * HEAD_SIZE;
        const float *v = k + (size_t)KV_HEADS * HEAD_SIZE;
        double score = bias[c];
        for (size_t j = 0; j < HEAD_SIZE; j++)
            score += 0.5 * (double)q[j] * 2 * (double)k[j];
        sum += exp(score);
        for (size_t j = 0; j < HEAD_SIZE; j++)
            expected[j] += exp(score) * 2 * (double)v[j];
    }
    for (size_t j = 0; j < HEAD_SIZE; j++)
        expected[j] /= sum;
}

/* Values of cross-attention, or of causal attention with relative positions (1.3: the sum of the
 * two layers), row by row. */
static void check_definition(bool cross)
{
    tw_batch batch = {0};
    batch_of(&batch);
    tw_params params = {0};
    trial t = trial_of(&params, &batch, cross ? batch.encoder->rows : batch.rows);
    tw_tape *tape = tw_tape_new(false);
    const tw_tensor *y = cross ? run_cross(tape, &t) : run_causal(tape, &t);
    for (size_t s = 0; s < batch.count; s++)
        for (size_t i = 0; i < batch.segments[s].length; i++)
            for (size_t h = 0; h < HEADS; h++) {
                seen all[2 * LONG];
                double bias[2 * LONG] = {0}, expected[HEAD_SIZE];
                size_t count = seen_by(&batch, s, i, cross, all);
                size_t row = batch.segments[s].first + i;
                int64_t place = (int64_t)(batch.segments[s].past + i);
                for (size_t c = 0; !cross && c < count; c++)
                    bias[c] = (double)t.inputs[2]
                                  ->x[tw_relative_bucket(all[c].place - place, BUCKETS,
                                                         (tw_buckets){MAX_DISTANCE, false}) *
                                          HEADS +
                                      h];
                expected_head(&t, row, h, all, count, bias, expected);
                for (size_t j = 0; j < HEAD_SIZE; j++)
                    assert_true(fabs(expected[j] * (cross ? 1 : 1.3) -
                                     (double)y->x[row * y->width + h * HEAD_SIZE + j]) < 1e-5);
            }
    tw_tape_free(tape);
    tw_params_free(&params);
    tw_batch_free(&batch);
}

static void test_cross_definition(void **state)
{
    (void)state;
    check_definition(true);
}

static void test_relative_definition(void **state)
{
    (void)state;
    check_definition(false);
}

static tw_tensor *run_multiply(tw_tape *tape, const trial *t)
{
    tw_tensor *a = doubled(tape, t->inputs[0]), *b = doubled(tape, t->inputs[1]);
    /* Each is used twice, and once as both. */
    return tw_add(tape, tw_multiply(tape, a, b), tw_scale(tape, tw_multiply(tape, b, b), -0.7F));
}

static void test_multiply(void **state)
{
    (void)state;
    tw_params params = {0};
    trial t = {.count = 2, .run = run_multiply};
    t.inputs[0] = input(&params, 0, 5, 11);
    t.inputs[1] = input(&params, 1, 5, 11);
    fill(&params);
    check(&t);
    tw_tape *tape = tw_tape_new(false);
    const tw_tensor *y = tw_multiply(tape, t.inputs[0], tw_scale(tape, t.inputs[1], 3));
    for (size_t i = 0; i < 55; i++)
        assert_true(fabsf(y->x[i] - 3 * t.inputs[0]->x[i] * t.inputs[1]->x[i]) <=
                    1e-6F * fabsf(y->x[i]));
    tw_tape_free(tape);
    tw_params_free(&params);
}

int main(void)
{
    omp_set_num_threads(
        1); /* thousands of tiny passes: on a busy machine threads wait for each other */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cross),    cmocka_unit_test(test_cross_definition),
        cmocka_unit_test(test_relative), cmocka_unit_test(test_relative_definition),
        cmocka_unit_test(test_multiply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
