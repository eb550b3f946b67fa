/* Decoding: a sample does not depend on its company, its log-probabilities are those of
 * the model's forward pass over the whole sequence, and limits are kept. (Greedy ids are held
 * to transformers' in test_gpt2.c and sample.bats.) */
#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/error.h"
#include "model/decode.h"
#include "train/forest.h"

enum { REQUESTS = 30, MAX_NEW = 12 };

static tw_model *model;
static int32_t prompts[REQUESTS][64];

static void open_model(const char *folder)
{
    model = tw_model_open(folder, TW_USE_FROZEN);
    if (!model)
        fail_msg("%s", tw_error());
    for (int i = 0; i < REQUESTS; i++)
        for (int j = 0; j < 64; j++)
            prompts[i][j] = (i * 131 + j * 37) % (int32_t)model->config.vocab_size;
}

static int setup(void **state)
{
    (void)state;
    open_model("tests/fixtures/gpt2");
    return 0;
}

/* Grouped queries, rotary positions. */
static int setup_llama(void **state)
{
    (void)state;
    open_model("tests/fixtures/llama/llama3");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tw_model_free(model);
    return 0;
}

typedef struct queue {
    tw_request requests[REQUESTS];
    size_t first, last, next, done;
} queue;

static tw_request *next(void *context)
{
    queue *queue = context;
    return queue->next < queue->last ? &queue->requests[queue->next++] : NULL;
}

static int done(void *context, tw_request *request)
{
    queue *queue = context;
    assert_non_null(request->samples);
    queue->done++;
    return 0;
}

static tw_decode_options options(void)
{
    return (tw_decode_options){.sampling = tw_sampling_defaults,
                               .seed = 5,
                               .max_new_tokens = MAX_NEW,
                               .batch_tokens = 100000};
}

/* Decodes requests first .. last with `count` samples each. */
static void decode(queue *queue, size_t first, size_t last, size_t count,
                   const tw_decode_options *decode_options)
{
    *queue = (struct queue){.first = first, .last = last, .next = first};
    for (size_t i = first; i < last; i++)
        queue->requests[i] = (tw_request){
            .prompt = prompts[i], .length = 1 + i * 7 % 40, .key = 1000 + i, .count = count};
    assert_int_equal(tw_decode(model, decode_options, &(tw_decode_calls){next, done, queue}), 0);
    assert_int_equal(queue->done, last - first);
}

static void clear(queue *queue)
{
    for (size_t i = queue->first; i < queue->last; i++)
        tw_request_clear(&queue->requests[i]);
}

static void check_same(const tw_sample *a, const tw_sample *b)
{
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->stopped, b->stopped);
    assert_memory_equal(a->tokens, b->tokens, a->count * sizeof *a->tokens);
    assert_memory_equal(a->logprobs, b->logprobs, a->count * sizeof *a->logprobs);
}

static void test_company(void **state)
{
    (void)state;
    queue all, some;
    tw_decode_options wide = options(), narrow = options();
    narrow.batch_tokens = 1;
    omp_set_num_threads(2);
    decode(&all, 0, REQUESTS, 5, &wide);
    for (int variant = 0; variant < 3; variant++) {
        size_t first = variant == 2 ? 11 : 0, count = variant == 1 ? 2 : 5;
        omp_set_num_threads(variant == 0 ? 1 : 2);
        decode(&some, first, REQUESTS, count, variant == 0 ? &narrow : &wide);
        for (size_t i = first; i < REQUESTS; i++)
            for (size_t k = 0; k < count; k++)
                check_same(&all.requests[i].samples[k], &some.requests[i].samples[k]);
        clear(&some);
    }
    clear(&all);
}

static void test_logprobs(void **state)
{
    (void)state;
    queue all;
    tw_decode_options decode_options = options();
    decode_options.sampling.temperature = 1.5;
    decode(&all, 0, REQUESTS, 3, &decode_options);
    tw_forest forest = {0};
    tw_tape *tape = tw_tape_new(false);
    for (size_t i = 0; i < REQUESTS; i++) {
        const tw_request *request = &all.requests[i];
        tw_forest_clear(&forest);
        size_t segment = tw_forest_prompt(&forest, model, request->prompt, request->length), at = 0;
        for (size_t k = 0; k < 3; k++)
            tw_forest_completion(&forest, segment, request->samples[k].tokens,
                                 request->samples[k].count);
        tw_forest_loss(&forest, model, tape);
        for (size_t k = 0; k < 3; at += request->samples[k++].count)
            for (size_t t = 0; t < request->samples[k].count; t++) {
                double nll = (double)forest.nll[at + t];
                assert_true(fabs(nll + (double)request->samples[k].logprobs[t]) <
                            2e-5 * (1 + fabs(nll)));
            }
    }
    tw_tape_free(tape);
    tw_forest_free(&forest);
    clear(&all);
}

static void test_limits(void **state)
{
    (void)state;
    queue all;
    tw_decode_options decode_options = options();
    int stopped = 0;
    decode_options.sampling.temperature = 3; /* so that EOS comes often enough */
    decode_options.max_new_tokens = 200;     /* beyond the context of 64 */
    decode(&all, 0, REQUESTS, 4, &decode_options);
    for (size_t i = 0; i < REQUESTS; i++)
        for (size_t k = 0; k < 4; k++) {
            const tw_sample *sample = &all.requests[i].samples[k];
            size_t room = model->config.max_positions - all.requests[i].length;
            assert_in_range(sample->count, 1, room);
            assert_int_equal(sample->stopped,
                             sample->tokens[sample->count - 1] == model->config.eos);
            assert_true(sample->stopped || sample->count == room);
            stopped += sample->stopped;
        }
    assert_true(stopped > 0);
    clear(&all);
    decode_options.min_new_tokens = decode_options.max_new_tokens = 20;
    decode(&all, 0, REQUESTS, 4, &decode_options);
    for (size_t i = 0; i < REQUESTS; i++)
        for (size_t k = 0; k < 4; k++)
            assert_int_equal(all.requests[i].samples[k].count, 20);
    clear(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_company),
        cmocka_unit_test(test_logprobs),
        cmocka_unit_test(test_limits),
    };
    const struct CMUnitTest llama_tests[] = {
        {"test_company (llama)", test_company, NULL, NULL, NULL},
        {"test_logprobs (llama)", test_logprobs, NULL, NULL, NULL},
    };
    int failed = cmocka_run_group_tests(tests, setup, teardown);
    return failed + cmocka_run_group_tests(llama_tests, setup_llama, teardown);
}
