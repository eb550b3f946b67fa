/* Model folders: opened, initialised, saved. */

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
#include "model/gpt2.h"
#include "model_folder.h"

static void opens_frozen_and_trainable(void **state)
{
    (void)state;
    tw_model *frozen = open_folder(GPT2, TW_USE_FROZEN);
    tw_model *trainable = open_folder(GPT2, TW_USE_TRAINABLE);
    const tw_config *config = &frozen->config;
    assert_int_equal(509, config->vocab_size);
    assert_int_equal(40, config->hidden_size);
    assert_int_equal(3, config->layers);
    assert_int_equal(20, config->head_size);
    assert_int_equal(160, config->intermediate_size);
    assert_int_equal(64, config->max_positions);
    assert_int_equal(1, config->bos);
    assert_int_equal(2, config->eos);
    assert_true(config->norm_epsilon == 1e-5F);
    assert_int_equal(509, tw_tokenizer_size(frozen->tokenizer));
    assert_string_equal(frozen->output_embedding->name, "transformer.wte.weight");
    assert_ptr_equal(frozen->output_embedding, ((gpt2 *)frozen->state)->wte);

    assert_null(frozen->params.x); /* the map serves */
    assert_non_null(frozen->weights);
    assert_null(trainable->weights);
    assert_int_equal(4 + 12 * 3, frozen->params.count);
    for (size_t i = 0; i < frozen->params.count; i++) {
        const tw_tensor *a = frozen->params.tensors[i], *b = trainable->params.tensors[i];
        assert_memory_equal(a->x, b->x, a->rows * a->width * sizeof(float));
        assert_null(a->dx);
        assert_false(a->wants_dx);
        assert_non_null(b->dx);
        assert_true(b->wants_dx);
    }
    tw_model_free(trainable);
    tw_model_free(frozen);
}

static void expect_same_file(const char *name)
{
    size_t old_size = 0, size = 0;
    char *old = folder_get(GPT2, name, &old_size), *bytes = folder_get(folder, name, &size);
    assert_int_equal(old_size, size);
    assert_memory_equal(old, bytes, size);
    free(old);
    free(bytes);
}

static void saves_what_it_opened(void **state)
{
    (void)state;
    char first_digest[TW_XXH3_TEXT], digest[TW_XXH3_TEXT];
    char *files[5] = {0};
    size_t sizes[5] = {0};
    static const char *const names[] = {"config.json", "generation_config.json",
                                        "model.safetensors", "spiece.model",
                                        "tokenizer_config.json"};
    empty_folder();
    tw_model *model = open_folder(GPT2, TW_USE_TRAINABLE);
    assert_int_equal(0, tw_model_save(model, folder));
    tw_model_free(model);
    expect_same_file("spiece.model");
    for (size_t i = 0; i < 5; i++)
        files[i] = folder_get(folder, names[i], &sizes[i]);
    assert_int_equal(0, tw_model_digest(folder, first_digest));
    assert_int_equal(32, strspn(first_digest, "0123456789abcdef"));

    /* From then on open and save change no byte, frozen as well. */
    model = open_folder(folder, TW_USE_FROZEN);
    empty_folder();
    assert_int_equal(0, tw_model_save(model, folder));
    tw_model_free(model);
    for (size_t i = 0; i < 5; i++) {
        size_t size = 0;
        char *again = folder_get(folder, names[i], &size);
        assert_int_equal(sizes[i], size);
        assert_memory_equal(files[i], again, size);
        free(again);
        free(files[i]);
    }
    assert_int_equal(0, tw_model_digest(folder, digest));
    assert_string_equal(first_digest, digest);
}

static void keeps_unknown_fields(void **state)
{
    (void)state;
    fresh_folder();
    set_config("my_note", "{\"learning_rate\": 0.1, \"sum\": 0.30000000000000004}");
    tw_model *model = open_folder(folder, TW_USE_FROZEN);
    empty_folder();
    assert_int_equal(0, tw_model_save(model, folder));
    tw_model_free(model);
    size_t size = 0;
    char *text = folder_get(folder, "config.json", &size);
    json_t *json = json_loads(text, 0, NULL), *note = json_object_get(json, "my_note");
    assert_true(json_real_value(json_object_get(note, "learning_rate")) == 0.1);
    assert_true(json_real_value(json_object_get(note, "sum")) == 0.30000000000000004);
    json_decref(json);
    free(text);
}

/* A value anywhere in the weights or the configuration changes the digest. */
static void digests_tell_models_apart(void **state)
{
    (void)state;
    char digest[TW_XXH3_TEXT], other[TW_XXH3_TEXT];
    fresh_folder();
    assert_int_equal(0, tw_model_digest(folder, digest));
    size_t size = 0;
    char *weights = folder_get(folder, "model.safetensors", &size);
    static const size_t from_end[] = {1, 64, 65, 1000, 100000, 330000};
    for (size_t i = 0; i < sizeof from_end / sizeof *from_end; i++) {
        weights[size - from_end[i]] ^= 1;
        folder_put("model.safetensors", weights, size);
        assert_int_equal(0, tw_model_digest(folder, other));
        assert_string_not_equal(digest, other);
        weights[size - from_end[i]] ^= 1;
    }
    folder_put("model.safetensors", weights, size);
    set_config("my_note", "1");
    assert_int_equal(0, tw_model_digest(folder, other));
    assert_string_not_equal(digest, other);
    free(weights);
    empty_folder();
    assert_int_equal(-1, tw_model_digest(folder, other));
    assert_non_null(strstr(tw_error(), "config.json: No such file"));
}

/* Names without prefix, masks and a second name of the embedding: as the files of
 * old and new versions of transformers have them. */
static void accepts_other_spellings(void **state)
{
    (void)state;
    fresh_folder();
    arrays changed = open_arrays();
    tw_array tied = *tw_safetensors_find(changed.file, "transformer.wte.weight");
    for (size_t i = 0; i < changed.count; i++)
        changed.all[i].name += strlen("transformer.");
    static const uint8_t mask[4] = {1, 0, 1, 1};
    tied.name = "lm_head.weight";
    changed.all[changed.count++] = (tw_array){"h.0.attn.bias", TW_BOOL, 4, {1, 1, 2, 2}, 4, mask};
    changed.all[changed.count++] =
        (tw_array){"h.0.attn.masked_bias", TW_F32, 0, {0}, 1, &(float){-1e4F}};
    changed.all[changed.count++] = tied;
    write_arrays(&changed);
    close_arrays(&changed);

    tw_model *plain = open_folder(GPT2, TW_USE_FROZEN), *model = open_folder(folder, TW_USE_FROZEN);
    for (size_t i = 0; i < model->params.count; i++) {
        const tw_tensor *a = plain->params.tensors[i], *b = model->params.tensors[i];
        assert_string_equal(a->name, b->name);
        assert_memory_equal(a->x, b->x, a->rows * a->width * sizeof(float));
    }
    tw_model_free(model);
    tw_model_free(plain);
}

static void declare_head(tw_model *model, void *context)
{
    tw_tensor **head = context;
    head[0] = tw_params_add(&model->params, "head.0.weight", 2, 3, model->config.hidden_size);
    head[1] = tw_params_add(&model->params, "head.0.bias", 1, 1, 3);
}

static void opens_with_a_head(void **state)
{
    (void)state;
    tw_tensor *head[2];
    bool found = true;
    for (int use = TW_USE_FROZEN; use <= TW_USE_TRAINABLE; use++) {
        tw_model *model = tw_model_open_with(GPT2, (tw_use)use, declare_head, head, &found);
        assert_non_null(model);
        assert_false(found);
        for (size_t i = 0; i < 3 * model->config.hidden_size; i++)
            assert_true(head[0]->x[i] == 0);
        for (size_t i = 0; use == TW_USE_TRAINABLE && i < 3; i++)
            head[1]->x[i] = (float)i + 1;
        empty_folder();
        assert_int_equal(0, tw_model_save(model, folder));
        tw_model_free(model);
    }
    tw_model *model = tw_model_open_with(folder, TW_USE_FROZEN, declare_head, head, &found);
    assert_non_null(model);
    assert_true(found);
    assert_null(model->params.x);
    assert_true(head[1]->x[2] == 3);
    tw_model_free(model);

    /* Half a head is no head. */
    arrays changed = open_arrays();
    static const float bias[3];
    changed.all[changed.count++] = (tw_array){"head.0.bias", TW_F32, 1, {3}, 3, bias};
    write_arrays(&changed);
    close_arrays(&changed);
    assert_null(tw_model_open_with(folder, TW_USE_FROZEN, declare_head, head, &found));
    assert_non_null(strstr(tw_error(), "tensor head.0.weight is missing"));
}

/* Mean and standard deviation over a tensor. */
static void moments(const tw_tensor *tensor, double *mean, double *deviation)
{
    size_t count = tensor->rows * tensor->width;
    double sum = 0, square = 0;
    for (size_t i = 0; i < count; i++) {
        sum += tensor->x[i];
        square += (double)tensor->x[i] * tensor->x[i];
    }
    *mean = sum / (double)count;
    *deviation = sqrt(square / (double)count - *mean * *mean);
}

static void initialises_as_transformers(void **state)
{
    (void)state;
    static const char config[] = "{\"model_type\": \"gpt2\", \"n_embd\": 64, \"n_layer\": 2,"
                                 " \"n_head\": 4, \"n_positions\": 128}";
    empty_folder();
    folder_put("config.json", config, strlen(config));
    char *path = in_folder("config.json");
    tw_model *model = tw_model_init(path, VOCABULARY, 7),
             *same = tw_model_init(path, VOCABULARY, 7),
             *other = tw_model_init(path, VOCABULARY, 8);
    assert_non_null(model);
    assert_int_equal(509, model->config.vocab_size); /* the tokenizer's */
    assert_true(model->params.trainable);
    for (size_t i = 0; i < model->params.count; i++) {
        const tw_tensor *tensor = model->params.tensors[i];
        size_t bytes = tensor->rows * tensor->width * sizeof(float);
        assert_memory_equal(tensor->x, same->params.tensors[i]->x, bytes);
        double mean, deviation, expected = strstr(tensor->name, "c_proj") ? 0.02 / sqrt(4) : 0.02;
        moments(tensor, &mean, &deviation);
        if (tensor->rank == 1) {
            assert_true(mean == (strstr(tensor->name, "bias") ? 0 : 1) && deviation == 0);
            continue;
        }
        assert_memory_not_equal(tensor->x, other->params.tensors[i]->x, bytes);
        /* Five standard errors. */
        double count = (double)tensor->rows * (double)tensor->width;
        assert_true(fabs(mean) < 5 * expected / sqrt(count));
        assert_true(fabs(deviation / expected - 1) < 5 / sqrt(2 * count));
    }
    empty_folder();
    assert_int_equal(0, tw_model_save(model, folder));
    tw_model *reopened = open_folder(folder, TW_USE_FROZEN);
    assert_int_equal(2, reopened->config.eos);
    tw_model_free(reopened);

    assert_null(tw_model_init(path, "tests/fixtures/none", 1));
    set_config("vocab_size", "600");
    assert_null(tw_model_init(path, VOCABULARY, 1));
    assert_non_null(strstr(tw_error(), "a tokenizer of another vocabulary size"));
    tw_model_free(other);
    tw_model_free(same);
    tw_model_free(model);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_frozen_and_trainable),  cmocka_unit_test(saves_what_it_opened),
        cmocka_unit_test(keeps_unknown_fields),        cmocka_unit_test(digests_tell_models_apart),
        cmocka_unit_test(accepts_other_spellings),     cmocka_unit_test(opens_with_a_head),
        cmocka_unit_test(initialises_as_transformers),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
