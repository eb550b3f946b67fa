/* Beam search against transformers (tests/oracle/beams.py), whatever is searched beside it; and
 * the search alone: equal scores, vocabularies too small, what is not a number. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "model/decode.h"
#include "model_folder.h"
#include "queue.h"
#include "recorded.h"
#include "task.h"

/* Relative. Sums of up to 16 log-probabilities of about -4, each of fp32 logits of up to 20
 * that round to 1e-6; the oracle adds them in fp32. */
#define SCORE_TOLERANCE 1e-5

static json_t *file;

static int load(void **state)
{
    (void)state;
    json_error_t error;
    file = json_load_file("tests/fixtures/beams.json", 0, &error);
    return file ? 0 : -1;
}

static int unload(void **state)
{
    (void)state;
    json_decref(file);
    return 0;
}

static double option(const json_t *options, const char *name, double standard)
{
    const json_t *value = json_object_get(options, name);
    return value ? json_number_value(value) : standard;
}

static tw_early_stopping early_stopping(const json_t *options)
{
    const json_t *value = json_object_get(options, "early_stopping");
    if (json_is_string(value))
        return TW_STOP_CERTAIN;
    return json_is_true(value) ? TW_STOP_EARLY : TW_STOP_LIKELY;
}

static tw_decode_options options_of(const json_t *run)
{
    const json_t *options = field(run, "options");
    tw_decode_options decode = {
        .sampling = tw_sampling_defaults,
        .beam = {.beams = (size_t)option(options, "num_beams", 0),
                 .length_penalty = option(options, "length_penalty", 1),
                 .early_stopping = early_stopping(options)},
        .max_new_tokens = (size_t)json_integer_value(field(file, "new_tokens")),
        .min_new_tokens = (size_t)option(options, "min_new_tokens", 0),
        .batch_tokens = 1000,
    };
    decode.sampling.repetition_penalty = option(options, "repetition_penalty", 1);
    return decode;
}

/* All prompts of a run, the best `count` of each (0: all beams). */
static queue search(const tw_model *model, const json_t *run, const tw_decode_options *decode,
                    size_t count)
{
    return decode_entries(model, decode, field(run, "entries"), "prompt",
                          count ? count : decode->beam.beams);
}

/* Where several tokens end a text the record leaves the last one out. */
static void check_text(const json_t *text, const tw_stops *stops, const tw_sample *sample)
{
    size_t count = 0;
    int32_t *tokens = tokens_of(field(text, "tokens"), &count);
    bool stopped = json_is_true(field(text, "stopped"));
    assert_int_equal(stopped, sample->stopped);
    assert_int_equal(stopped, tw_stops_has(stops, sample->tokens[sample->count - 1]));
    assert_int_equal(count, sample->count - (stopped && stops->count > 1));
    assert_memory_equal(tokens, sample->tokens, count * sizeof *tokens);
    double score = json_number_value(field(text, "score"));
    check_close(score, sample->beam_score, fabs(score), SCORE_TOLERANCE, "score");
    free(tokens);
}

/* Without a penalty on tokens the score is a matter of the log-probabilities. */
static void check_logprobs(const tw_decode_options *decode, const tw_sample *sample)
{
    double sum = 0;
    for (size_t i = 0; i < sample->count; i++)
        sum += (double)sample->logprobs[i];
    double score = sum / pow((double)sample->count, decode->beam.length_penalty);
    if (decode->sampling.repetition_penalty == 1)
        check_close(score, sample->beam_score, fabs(score), 1e-9, "sum");
}

static void check_run(tw_model *model, const json_t *run, size_t count)
{
    model->config.stops.count = 0;
    assert_int_equal(0, tw_stops_read(&model->config.stops, field(run, "stops"), 509));
    tw_decode_options decode = options_of(run);
    queue found = search(model, run, &decode, count);
    for (size_t e = 0; e < found.count; e++) {
        const json_t *texts = field(json_array_get(field(run, "entries"), e), "texts");
        assert_int_equal(json_array_size(texts), decode.beam.beams);
        for (size_t k = 0; k < found.requests[e].count; k++) {
            check_text(json_array_get(texts, k), &model->config.stops,
                       &found.requests[e].samples[k]);
            check_logprobs(&decode, &found.requests[e].samples[k]);
        }
    }
    clear_queue(&found);
}

/* The name of the model is the test's state. */
static void searches_as_transformers(void **state)
{
    const char *name = *state;
    char *path = tw_format("tests/fixtures/%s", name);
    tw_model *model = open_folder(path, TW_USE_FROZEN);
    const json_t *runs = field(field(file, "models"), name), *run;
    size_t i;
    json_array_foreach(runs, i, run)
    {
        check_run(model, run, 0);
        check_run(model, run, 1);
    }
    assert_true(i > 20);
    tw_model_free(model);
    free(path);
}

/* The same bits, alone and in company, on one thread and on two. */
static void does_not_depend_on_company(void **state)
{
    (void)state;
    tw_model *model = open_folder(GPT2, TW_USE_FROZEN);
    model->config.stops = (tw_stops){{448}, 1};
    const json_t *run = json_array_get(field(field(file, "models"), "gpt2"), 12);
    tw_decode_options decode = options_of(run), narrow = decode;
    narrow.batch_tokens = 1;
    omp_set_num_threads(2);
    queue all = search(model, run, &decode, 0);
    omp_set_num_threads(1);
    queue alone = search(model, run, &narrow, 0);
    for (size_t e = 0; e < all.count; e++)
        for (size_t k = 0; k < all.requests[e].count; k++) {
            const tw_sample *a = &all.requests[e].samples[k], *b = &alone.requests[e].samples[k];
            check_same_sample(a, b);
            assert_memory_equal(&a->beam_score, &b->beam_score, sizeof a->beam_score);
        }
    clear_queue(&alone);
    clear_queue(&all);
    tw_model_free(model);
}

enum { PIECES = 8, BEAMS = 3, LIMIT = 4 };

static const int32_t prompt[] = {1};
static const tw_stops stops = {{7}, 1};

static tw_beam_task small_task(void)
{
    return (tw_beam_task){.options = {.beams = BEAMS, .length_penalty = 1},
                          .prompt = prompt,
                          .prompt_length = 1,
                          .stops = &stops,
                          .pieces = PIECES,
                          .limit = LIMIT,
                          .repetition_penalty = 1};
}

/* Where all tokens are alike, the lower id of the better beam goes first; a token that ends a
 * text has the highest id here and is never among the first. */
static void breaks_ties_by_beam_and_id(void **state)
{
    (void)state;
    const float even[PIECES] = {0};
    tw_beam_task task = small_task();
    tw_beams *beams = tw_beams_new(&task);
    size_t origin[BEAMS];
    for (size_t length = 1; length <= LIMIT; length++) {
        for (size_t i = 0; i < tw_beams_live(beams); i++)
            assert_int_equal(0, tw_beams_look(beams, i, even, PIECES));
        assert_int_equal(length < LIMIT, tw_beams_choose(beams, origin));
        for (size_t i = 0; i < BEAMS; i++) {
            assert_int_equal(0, origin[i]);
            assert_int_equal(i, tw_beams_last(beams, i));
        }
    }
    for (size_t k = 0; k < BEAMS; k++) { /* of equals the one found last */
        const tw_hypothesis *best = tw_beams_best(beams, k);
        assert_int_equal(LIMIT, best->count);
        assert_int_equal(BEAMS - 1 - k, best->tokens[LIMIT - 1]);
        check_close(-log(PIECES), best->score, 1, 1e-6, "score");
    }
    tw_beams_free(beams);
}

/* Where the length penalty favours short texts, what can still be found at best is an end now,
 * not at the limit: here worth -1.2 * 2, which beats the worse hypothesis, -1.9 * 2. */
static void expects_the_best_of_a_short_text(void **state)
{
    (void)state;
    static const double steps[][2] = {{-0.7, -1.0}, {-0.5, -1.2}}; /* of token 0, of the stop */
    tw_beam_task task = small_task();
    task.options = (tw_beam_options){2, -1, TW_STOP_CERTAIN};
    tw_beams *beams = tw_beams_new(&task);
    size_t origin[2];
    for (size_t step = 0; step < 2; step++) {
        float logits[PIECES];
        double rest = (1 - exp(steps[step][0]) - exp(steps[step][1])) / (PIECES - 2);
        for (size_t i = 0; i < PIECES; i++)
            logits[i] = (float)(i == 0 ? steps[step][0] : i == 7 ? steps[step][1] : log(rest));
        for (size_t i = 0; i < tw_beams_live(beams); i++)
            assert_int_equal(0, tw_beams_look(beams, i, logits, PIECES));
        assert_true(tw_beams_choose(beams, origin));
    }
    check_close(-1.9 * 2, tw_beams_best(beams, 1)->score, 1, 1e-6, "score");
    tw_beams_free(beams);
}

static void refuses_what_cannot_be_searched(void **state)
{
    (void)state;
    float logits[PIECES] = {0};
    const float bad[] = {NAN, INFINITY};
    tw_beam_task task = small_task();
    task.repetition_penalty = 1e-300;
    for (size_t i = 0; i < 2; i++) {
        tw_beams *beams = tw_beams_new(&task);
        logits[5] = bad[i];
        assert_int_equal(-1, tw_beams_look(beams, 0, logits, PIECES));
        tw_beams_free(beams);
    }
    tw_beams *beams = tw_beams_new(&task);
    size_t origin[BEAMS];
    logits[1] = logits[5] = -INFINITY; /* a penalised one too; the sum is a number */
    while (true) {
        for (size_t i = 0; i < tw_beams_live(beams); i++)
            assert_int_equal(0, tw_beams_look(beams, i, logits, PIECES));
        if (!tw_beams_choose(beams, origin))
            break;
    }
    for (size_t k = 0; k < BEAMS; k++)
        assert_false(isnan(tw_beams_best(beams, k)->score));
    tw_beams_free(beams);
    assert_int_equal(0, tw_beams_check(&task.options, &stops, PIECES));
    assert_int_equal(-1, tw_beams_check(&task.options, &stops, 2 * BEAMS - 1));
    assert_int_equal(-1, tw_beams_check(&task.options, &(tw_stops){{1, 7}, 2}, PIECES));
}

/* Slots with a content that tells them apart, moved by every map of four beams to four. */
static void reorders_slots(void **state)
{
    (void)state;
    enum { N = 4, LAYERS = 2, WIDTH = 3, LENGTH = 2 };
    for (size_t code = 0; code < N * N * N * N; code++) {
        tw_cache cache;
        tw_cache_init(&cache, LAYERS, WIDTH, N + 1);
        tw_cache_open(&cache, N, 1, -1);
        size_t slots[N] = {2, 0, 3, 1}, origin[N], held[N];
        for (size_t i = 0; i < N; i++) {
            tw_cache_open(&cache, slots[i], LENGTH + i, N); /* capacities may differ */
            tw_slot *slot = &cache.slots[slots[i]];
            slot->length = LENGTH;
            for (size_t j = 0; j < 2 * LAYERS * slot->capacity * WIDTH; j++) {
                size_t part = j / (slot->capacity * WIDTH);
                slot->data[j] = (float)(100 * i + part);
            }
            origin[i] = code >> (2 * i) & 3;
        }
        tw_beams_reorder(&cache, slots, origin, N);
        for (size_t i = 0; i < N; i++) {
            const tw_slot *slot = &cache.slots[slots[i]];
            assert_int_equal(LENGTH, slot->length);
            for (size_t j = 0; j < 2 * LAYERS; j++)
                for (size_t k = 0; k < LENGTH * WIDTH; k++)
                    assert_true(slot->data[j * slot->capacity * WIDTH + k] ==
                                (float)(100 * origin[i] + j));
            held[i] = slots[i];
            for (size_t j = 0; j < i; j++)
                assert_int_not_equal(held[j], held[i]);
        }
        tw_cache_free(&cache);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"searches_as_transformers: gpt2", searches_as_transformers, NULL, NULL, "gpt2"},
        {"searches_as_transformers: llama3", searches_as_transformers, NULL, NULL, "llama/llama3"},
        {"searches_as_transformers: t5", searches_as_transformers, NULL, NULL, "t5/v10"},
        {"searches_as_transformers: roberta", searches_as_transformers, NULL, NULL,
         "causal-roberta/tiny"},
        cmocka_unit_test(does_not_depend_on_company),
        cmocka_unit_test(breaks_ties_by_beam_and_id),
        cmocka_unit_test(expects_the_best_of_a_short_text),
        cmocka_unit_test(refuses_what_cannot_be_searched),
        cmocka_unit_test(reorders_slots),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
