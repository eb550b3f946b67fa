/* RoBERTa against transformers in double precision (tests/oracle/roberta.py): ids, hidden states,
 * logits, masked-LM loss and gradients of tiny models. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/memory.h"
#include "model/masked-lm.h"
#include "model_folder.h"
#include "model_tests.h"
#include "recorded.h"
#include "recorded_models.h"
#include "task.h"

/* fp32 rounds to 6e-8, over sums of 40 to 512 terms and 1 to 3 layers; gradients sum over up to
 * 547 rows as well. The largest errors seen are less than half of these bounds. */
static int load(void **state)
{
    within = (tolerances){.value = 2e-5, .gradient = 1e-4};
    return open_recorded("roberta", "models", state);
}

static void encodes_texts(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
    const json_t *entry;
    size_t i;
    json_array_foreach(field(recorded, "texts"), i, entry)
    {
        const json_t *text = field(entry, "text");
        size_t count = 0;
        int32_t *expected = tokens_of(field(entry, "ids"), &count);
        tw_ids ids = {0};
        assert_int_equal(
            0, tw_masked_lm_encode(model, json_string_value(text), json_string_length(text), &ids));
        assert_int_equal(count, ids.count);
        assert_memory_equal(expected, ids.ids, count * sizeof *expected);
        free(ids.ids);
        free(expected);
    }
    assert_int_equal(model->config.vocab_size - 1, tw_masked_lm_mask(model));
    tw_model_free(model);
}

/* The text's end goes, </s> stays. */
static void cuts_long_texts(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
    size_t limit = model->config.max_positions, length = 4 * limit;
    char *text = tw_alloc(length, 1);
    for (size_t i = 0; i < length; i++)
        text[i] = i % 2 ? ' ' : (char)('1' + i / 2 % 9);
    tw_ids ids = {0};
    assert_int_equal(1, tw_masked_lm_encode(model, text, length, &ids));
    assert_int_equal(limit, ids.count);
    assert_int_equal(model->config.bos, ids.ids[0]);
    assert_int_equal(model->config.eos, ids.ids[limit - 1]);
    assert_int_not_equal(model->config.eos, ids.ids[limit - 2]);
    free(ids.ids);
    free(text);
    tw_model_free(model);
}

static void computes_states(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
    task task = masked_sequences_task(recorded, SIZE_MAX);
    size_t width = model->config.hidden_size;
    for (size_t layers = 0; layers <= model->config.layers; layers++) {
        tw_tape *tape = tw_tape_new(false);
        const float *x = tw_masked_lm_states(model, tape, &task.batch, layers)->x;
        const json_t *entry;
        size_t s;
        json_array_foreach(field(recorded, "sequences"), s, entry)
        {
            const tw_segment *segment = &task.batch.segments[s];
            const float *last = x + (segment->first + segment->length - 1) * width;
            check_list(json_array_get(field(entry, "states"), layers), last, width, within.value,
                       "states");
        }
        tw_tape_free(tape);
    }
    free_task(&task);
    tw_model_free(model);
}

static void computes_logits_of_rows(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
    task task = masked_sequences_task(recorded, SIZE_MAX);
    size_t vocabulary = model->config.vocab_size, at = 0, s;
    float *logits = tw_alloc(task.count * vocabulary, sizeof *logits);
    tw_tape *tape = tw_tape_new(false);
    tw_lm_logits(model, tape, &task.batch, task.rows, task.count, NULL, 0, logits);
    const json_t *entry;
    json_array_foreach(field(recorded, "sequences"), s, entry)
    {
        size_t rows = json_array_size(field(entry, "rows"));
        check_some(field(entry, "logits"), logits + at * vocabulary, rows * vocabulary,
                   within.value, "logits");
        at += rows;
    }
    /* Those of some ids are the same, but for the order of the sums. */
    const int32_t ids[] = {508, 0, 77};
    float *some = tw_alloc(task.count * 3, sizeof *some);
    tw_lm_logits(model, tape, &task.batch, task.rows, task.count, ids, 3, some);
    for (size_t i = 0; i < task.count; i++)
        for (size_t j = 0; j < 3; j++)
            assert_float_equal(logits[i * vocabulary + (size_t)ids[j]], some[i * 3 + j], 1e-4);
    free(some);
    free(logits);
    tw_tape_free(tape);
    free_task(&task);
    tw_model_free(model);
}

/* A row's logits are the same bits alone and among others. */
static void ignores_neighbours(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
    task all = masked_sequences_task(recorded, SIZE_MAX), one = masked_sequences_task(recorded, 1);
    size_t vocabulary = model->config.vocab_size;
    float *together = tw_alloc(all.count * vocabulary, sizeof *together);
    float *alone = tw_alloc(one.count * vocabulary, sizeof *alone);
    tw_tape *tape = tw_tape_new(false);
    tw_lm_logits(model, tape, &all.batch, all.rows, all.count, NULL, 0, together);
    tw_lm_logits(model, tape, &one.batch, one.rows, one.count, NULL, 0, alone);
    assert_memory_equal(together, alone, one.count * vocabulary * sizeof *alone);
    tw_tape_free(tape);
    free(alone);
    free(together);
    free_task(&one);
    free_task(&all);
    tw_model_free(model);
}

static void learns(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_TRAINABLE);
    json_t *sequences = json_copy((json_t *)field(recorded, "sequences"));
    json_array_remove(sequences, json_array_size(sequences) - 1);
    task task = masked_sequences_task(recorded, json_array_size(sequences));
    check_mean(model, &task, field(recorded, "mean"), sequences, "nll");
    json_decref(sequences);
    free_task(&task);
    tw_model_free(model);
}

/* A masked LM has no generation_config.json. */
static void saves_no_generation(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
    tw_model_free(saved_again(model));
    char *generation = in_folder("generation_config.json");
    assert_int_equal(-1, access(generation, F_OK));
    free(generation);
    const char *kept = getenv("SAVE_TO"); /* for tests/oracle/roberta.py --saved */
    char *keep = tw_format("%s/%s", kept ? kept : "", strrchr(recorded_path, '/') + 1);
    if (kept)
        assert_int_equal(0, mkdir(keep, 0777) || tw_model_save(model, keep));
    free(keep);
    tw_model_free(model);
}

/* From scratch: padding is nothing. */
static void initialises(void **state)
{
    (void)state;
    char *config = tw_format("%s/config.json", recorded_path);
    tw_model *model = tw_model_init(config, recorded_path, 5);
    assert_non_null(model);
    size_t w = model->config.hidden_size, pad = (size_t)model->config.pad;
    const float *words = model->output_embedding->x;
    for (size_t i = 0; i < w; i++)
        assert_true(words[pad * w + i] == 0.0F && words[(pad + 1) * w + i] != 0.0F);
    assert_int_equal(-1, tw_model_check_causal(model));
    assert_string_equal(
        "model_type: roberta is a masked language model, which cannot write text; "
        "it can judge it, as a classifier (rank --by classifier) or for BERTScore "
        "(--bertscore-model); \"is_decoder\": true in its config.json makes a causal "
        "one of its weights, that must be trained before it writes",
        tw_error());
    tw_model_free(model);
    free(config);
}

#define TESTS(model)                                                                               \
    RECORDED_TEST(encodes_texts, model), RECORDED_TEST(cuts_long_texts, model),                    \
        RECORDED_TEST(computes_states, model), RECORDED_TEST(computes_logits_of_rows, model),      \
        RECORDED_TEST(ignores_neighbours, model), RECORDED_TEST(learns, model),                    \
        RECORDED_TEST(saves_what_it_opened, model), RECORDED_TEST(saves_no_generation, model),     \
        RECORDED_TEST(initialises, model)

int main(void)
{
    const struct CMUnitTest tests[] = {TESTS("tiny"), TESTS("types")};
    return cmocka_run_group_tests(tests, load, close_recorded);
}
