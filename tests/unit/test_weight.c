/* Weights that stay bf16 in the map: products and rows are those of the widened matrix, whole
 * models compute the same bits, and what is no number is refused. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "differences.h"
#include "model_folder.h"
#include "tensor/gemm.h"
#include "tensor/weight.h"

/* Two weights of the same values: bf16, and fp32. */
typedef struct pair {
    tw_tensor half, whole;
} pair;

static pair make_pair(size_t rows, size_t width)
{
    uint16_t *half = tw_alloc(rows * width, sizeof *half);
    float *x = tw_alloc(rows * width, sizeof *x);
    for (size_t i = 0; i < rows * width; i++) {
        float value = noise(1, i);
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        half[i] = (uint16_t)(bits >> 16);
        bits &= 0xFFFF0000;
        memcpy(&x[i], &bits, sizeof bits);
    }
    tw_tensor tensor = {.rows = rows, .width = width, .rank = 2};
    pair made = {tensor, tensor};
    made.half.half = half;
    made.whole.x = x;
    return made;
}

static void free_pair(pair *made)
{
    free((uint16_t *)made->half.half);
    free(made->whole.x);
}

/* [m, k] of noise. */
static float *make_rows(size_t m, size_t k)
{
    float *a = tw_alloc(m * k, sizeof *a);
    for (size_t i = 0; i < m * k; i++)
        a[i] = noise(2, i);
    return a;
}

/* bf16 weights give the bits of the same values in fp32, whether C is overwritten or added to. */
static void products_have_the_same_bits(void **state)
{
    (void)state;
    static const size_t shapes[][3] = {{1, 5, 7}, {70, 300, 33}, {3, 513, 64}, {4, 260, 9000}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int variant = 0; variant < 4; variant++) {
            bool transposed = variant % 2, add = variant >= 2;
            size_t m = shapes[s][0], n = shapes[s][1], k = shapes[s][2];
            pair weight = make_pair(transposed ? n : k, transposed ? k : n);
            float *a = make_rows(m, k), *c = make_rows(2 * m, n);
            memcpy(c + m * n, c, m * n * sizeof *c);
            tw_weight_gemm(transposed, m, a, k, &weight.half, add, c, n);
            tw_weight_gemm(transposed, m, a, k, &weight.whole, add, c + m * n, n);
            assert_memory_equal(c, c + m * n, m * n * sizeof *c);
            free(c);
            free(a);
            free_pair(&weight);
        }
}

static void rows_and_values(void **state)
{
    (void)state;
    enum { ROWS = 3, WIDTH = 19 };
    pair weight = make_pair(ROWS, WIDTH);
    float all[ROWS * WIDTH], row[WIDTH] = {0};
    tw_weight_values(&weight.half, all);
    assert_memory_equal(all, weight.whole.x, sizeof all);
    tw_weight_row(&weight.half, 2, false, row);
    assert_memory_equal(row, all + 2 * WIDTH, sizeof row);
    tw_weight_row(&weight.half, 1, true, row);
    tw_weight_row(&weight.whole, 0, true, row);
    for (size_t j = 0; j < WIDTH; j++)
        assert_true(row[j] == all[2 * WIDTH + j] + all[WIDTH + j] + all[j]);
    free_pair(&weight);
}

/* Hidden states of some tokens: the caller frees. */
static float *states_of(const tw_model *model, bool recording, size_t *bytes)
{
    int32_t tokens[40];
    for (int32_t i = 0; i < 40; i++)
        tokens[i] = (i * 37 + 5) % 500;
    tw_batch batch = {0};
    tw_batch_add(&batch, tokens, 40, -1);
    tw_tape *tape = tw_tape_new(recording);
    const tw_tensor *hidden = model->architecture->forward(model, tape, &batch);
    *bytes = hidden->rows * hidden->width * sizeof *hidden->x;
    float *kept = memcpy(tw_alloc(*bytes, 1), hidden->x, *bytes);
    tw_tape_free(tape);
    tw_batch_free(&batch);
    return kept;
}

static void models_compute_the_same(void **state)
{
    (void)state;
    static const char *const folders[] = {"tests/fixtures/gpt2-bf16", "tests/fixtures/llama/llama3",
                                          "tests/fixtures/llama/qwen2"};
    for (size_t f = 0; f < sizeof folders / sizeof *folders; f++) {
        tw_model *model = open_folder(folders[f], TW_USE_FROZEN);
        assert_non_null(model->weights); /* the map serves */
        assert_null(model->params.x);
        for (size_t i = 0; i < model->params.count; i++) {
            const tw_tensor *tensor = model->params.tensors[i];
            assert_true(tensor->rank == 2 ? tensor->half && !tensor->x
                                          : tensor->x && !tensor->half);
        }
        size_t bytes = 0;
        float *mapped = states_of(model, false, &bytes);
        tw_params_own(&model->params);
        assert_null(model->output_embedding->half);
        float *own = states_of(model, false, &bytes);
        assert_memory_equal(mapped, own, bytes);
        free(own);
        free(mapped);
        tw_model_free(model);
    }
}

/* NaN and infinity in bf16, where the values stay in the map and where they are copied. */
static void refuses_what_is_no_number(void **state)
{
    (void)state;
    static const struct {
        uint16_t bits;
        const char *message;
    } cases[] = {{0x7FC0, "tensor transformer.wte.weight: value 9000 is NaN"},
                 {0xFF80, "tensor transformer.wte.weight: value 9000 is infinite"}};
    tw_safetensors *file = tw_safetensors_open("tests/fixtures/gpt2-bf16/model.safetensors");
    size_t count = tw_safetensors_count(file), at = 0;
    tw_array *arrays = tw_alloc(count, sizeof *arrays);
    for (size_t i = 0; i < count; i++) {
        arrays[i] = *tw_safetensors_at(file, i);
        if (strcmp(arrays[i].name, "transformer.wte.weight") == 0)
            at = i;
    }
    uint16_t *values = tw_alloc(arrays[at].count, sizeof *values);
    memcpy(values, arrays[at].data, arrays[at].count * sizeof *values);
    arrays[at].data = values;
    fresh_folder();
    char *path = in_folder("model.safetensors");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        values[9000] = cases[i].bits;
        assert_int_equal(0, tw_safetensors_write(path, arrays, count));
        for (int use = TW_USE_FROZEN; use <= TW_USE_TRAINABLE; use++) {
            assert_null(tw_model_open(folder, (tw_use)use));
            if (!strstr(tw_error(), cases[i].message))
                fail_msg("'%s', expected '%s'", tw_error(), cases[i].message);
        }
    }
    free(path);
    free(values);
    free(arrays);
    tw_safetensors_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_have_the_same_bits),
        cmocka_unit_test(rows_and_values),
        cmocka_unit_test(models_compute_the_same),
        cmocka_unit_test(refuses_what_is_no_number),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
