/* A folder of bf16 weights computes what one of the same values in fp32 does, to the bit: every
 * model of the fixtures, whatever its own type, written both ways. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "model/masked-lm.h"
#include "model/prompt.h"
#include "model_folder.h"

enum { PROMPT = 37, CHILD = 6 };

/* A text, and one that goes on from it where the model writes: a row for each token. */
static tw_batch make_batch(const tw_model *model)
{
    int32_t tokens[PROMPT];
    for (int32_t i = 0; i < PROMPT; i++)
        tokens[i] = (i * 37 + 5) % 500;
    tw_batch batch = {0};
    size_t prompt = tw_model_add_prompt(model, &batch, tokens, PROMPT);
    if (tw_model_check_causal(model) == 0)
        tw_batch_add(&batch, tokens + 9, CHILD, (int64_t)prompt);
    return batch;
}

/* The logits of all rows; the caller frees. */
static float *logits_of(const tw_model *model, size_t *bytes)
{
    tw_batch batch = make_batch(model);
    uint32_t *rows = tw_alloc(batch.rows, sizeof *rows);
    for (size_t i = 0; i < batch.rows; i++)
        rows[i] = (uint32_t)i;
    *bytes = batch.rows * model->config.vocab_size * sizeof(float);
    float *logits = tw_alloc(*bytes, 1);
    tw_tape *tape = tw_tape_new(false);
    tw_lm_logits(model, tape, &batch, rows, batch.rows, NULL, 0, logits);
    tw_tape_free(tape);
    tw_batch_free(&batch);
    free(rows);
    return logits;
}

/* All but the weights. */
static void copy_others(const char *path)
{
    glob_t files;
    char *pattern = tw_format("%s/*", path);
    assert_int_equal(0, glob(pattern, 0, NULL, &files));
    empty_folder();
    for (size_t i = 0; i < files.gl_pathc; i++) {
        const char *name = strrchr(files.gl_pathv[i], '/') + 1;
        if (strncmp(name, "model", strlen("model")) != 0)
            folder_copy(path, name);
    }
    globfree(&files);
    free(pattern);
}

/* The upper halves of x, in bf16 or as fp32 whose lower ones are zero. */
static void *shortened(float *x, size_t count, bool half)
{
    uint16_t *values = tw_alloc(count, sizeof *values);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        values[i] = (uint16_t)(bits >> 16);
        bits &= 0xFFFF0000;
        memcpy(&x[i], &bits, sizeof bits);
    }
    if (half) {
        free(x);
        return values;
    }
    free(values);
    return x;
}

/* The model of `path`, its weights shortened, in one file. */
static void write_folder(const char *path, bool half)
{
    copy_others(path);
    tw_shards *shards = tw_shards_open(path);
    assert_non_null(shards);
    size_t count = tw_shards_count(shards), kept = 0;
    arrays written = {.all = tw_alloc(count, sizeof *written.all)};
    for (size_t i = 0; i < count; i++) {
        tw_stored stored = tw_shards_at(shards, i);
        tw_array array = *stored.array;
        if (array.dtype != TW_F32 && array.dtype != TW_F16 && array.dtype != TW_BF16)
            continue;
        float *x = tw_alloc(array.count, sizeof *x);
        assert_int_equal(0, tw_array_to_f32(stored.file, &array, x));
        array.dtype = half ? TW_BF16 : TW_F32;
        array.data = shortened(x, array.count, half);
        written.all[kept++] = array;
    }
    written.count = kept;
    write_arrays(&written);
    for (size_t i = 0; i < kept; i++)
        free((void *)written.all[i].data);
    free(written.all);
    tw_shards_close(shards);
}

static void check_model(const char *path)
{
    for (int use = TW_USE_FROZEN; use <= TW_USE_TRAINABLE; use++) {
        float *logits[2];
        size_t bytes[2];
        for (int half = 0; half < 2; half++) {
            write_folder(path, half);
            tw_model *model = open_folder(folder, (tw_use)use);
            bool mapped = half && use == TW_USE_FROZEN && model->architecture->packed;
            assert_int_equal(mapped, model->output_embedding->half != NULL);
            logits[half] = logits_of(model, &bytes[half]);
            tw_model_free(model);
        }
        assert_int_equal(bytes[0], bytes[1]);
        assert_true(logits[0][0] != 0);
        if (memcmp(logits[0], logits[1], bytes[0]) != 0)
            fail_msg("%s: the logits of bf16 weights differ", path);
        free(logits[0]);
        free(logits[1]);
    }
}

static void computes_what_fp32_does(void **state)
{
    (void)state;
    glob_t configs;
    assert_int_equal(0, glob("tests/fixtures/*/config.json", 0, NULL, &configs));
    assert_int_equal(0, glob("tests/fixtures/*/*/config.json", GLOB_APPEND, NULL, &configs));
    assert_true(configs.gl_pathc >= 12);
    for (size_t i = 0; i < configs.gl_pathc; i++) {
        char *path = tw_strdup(configs.gl_pathv[i]);
        *strrchr(path, '/') = '\0';
        check_model(path);
        free(path);
    }
    globfree(&configs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(computes_what_fp32_does)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
