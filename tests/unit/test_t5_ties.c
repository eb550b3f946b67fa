/* What a T5 folder says of its output embedding, as transformers 5 reads it
 * (tests/oracle/t5_ties.py): whether that is the input's, and whether states are scaled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "model/config.h"
#include "model_folder.h"
#include "recorded.h"
#include "train/encoding.h"
#include "train/forest.h"

#define T5 "tests/fixtures/t5/v11"

/* Errors seen are below a tenth of it, as those of test_t5.c. */
static const double TOLERANCE = 2e-5;

static json_t *file;

static int load(void **state)
{
    file = json_load_file("tests/fixtures/t5-ties.json", 0, NULL);
    return file ? make_folder(state) : -1;
}

static int unload(void **state)
{
    json_decref(file);
    return remove_folder(state);
}

static bool left_out(const json_t *without, const char *name)
{
    size_t i;
    const json_t *one;
    json_array_foreach(without, i, one) if (strcmp(json_string_value(one), name) == 0) return true;
    return false;
}

/* The fixture with the fields and without the tensors of a variant. */
static void write_variant(const json_t *variant)
{
    const char *key;
    json_t *value, *json = tw_json_read(T5 "/config.json");
    assert_non_null(json);
    json_object_foreach((json_t *)field(variant, "config"), key, value)
    {
        json_object_del(json, key);
        if (!json_is_null(value))
            json_object_set(json, key, value);
    }
    char *path = in_folder("config.json");
    assert_int_equal(0, tw_json_write(path, json));
    free(path);
    json_decref(json);
    folder_copy(T5, "spiece.model");
    tw_safetensors *weights = tw_safetensors_open(T5 "/model.safetensors");
    assert_non_null(weights);
    size_t count = 0;
    tw_array *arrays = tw_alloc(tw_safetensors_count(weights), sizeof *arrays);
    for (size_t i = 0; i < tw_safetensors_count(weights); i++)
        if (!left_out(field(variant, "without"), tw_safetensors_at(weights, i)->name))
            arrays[count++] = *tw_safetensors_at(weights, i);
    path = in_folder("model.safetensors");
    assert_int_equal(0, tw_safetensors_write(path, arrays, count));
    free(path);
    free(arrays);
    tw_safetensors_close(weights);
}

static tw_ids ids_of(const char *key)
{
    const json_t *list = field(file, key);
    tw_ids ids = {tw_alloc(json_array_size(list), sizeof *ids.ids), json_array_size(list)};
    for (size_t i = 0; i < ids.count; i++)
        ids.ids[i] = (int32_t)json_integer_value(json_array_get(list, i));
    return ids;
}

static void check_nll(const tw_model *model, const json_t *want)
{
    tw_ids source = ids_of("source"), tokens = ids_of("tokens");
    tw_forest forest = {0};
    tw_tape *tape = tw_tape_new(false);
    size_t segment = tw_forest_prompt(&forest, model, source.ids, source.count);
    tw_forest_completion(&forest, segment, tokens.ids, tokens.count);
    tw_forest_loss(&forest, model, tape);
    assert_int_equal(json_array_size(want), forest.count);
    for (size_t i = 0; i < forest.count; i++)
        check_close(number_at(want, i), (double)forest.nll[i], number_at(want, i), TOLERANCE,
                    "nll");
    tw_tape_free(tape);
    tw_forest_free(&forest);
    free(source.ids);
    free(tokens.ids);
}

static void check_model(const char *path, const json_t *variant)
{
    tw_model *model = open_folder(path, TW_USE_FROZEN);
    assert_int_equal(json_is_true(field(variant, "tied")), model->config.tied);
    assert_int_equal(json_is_true(field(variant, "scaled")), model->config.logit_scale != 0);
    check_nll(model, field(variant, "nll"));
    tw_model_free(model);
}

/* What is written says so too: opened by us, and in the fields that transformers reads. */
static void check_saved(const json_t *variant)
{
    tw_model *model = open_folder(folder, TW_USE_TRAINABLE);
    empty_folder();
    assert_int_equal(0, tw_model_save(model, folder));
    tw_model_free(model);
    check_model(folder, variant);
    char *path = in_folder("config.json");
    json_t *json = tw_json_read(path);
    const bool tied = json_is_true(json_object_get(json, "tie_word_embeddings"));
    const json_t *scaled = json_object_get(json, "scale_decoder_outputs");
    assert_int_equal(json_is_true(field(variant, "tied")), tied);
    assert_int_equal(json_is_true(field(variant, "scaled")), scaled ? json_is_true(scaled) : tied);
    json_decref(json);
    free(path);
}

static void reads_ties_as_transformers_5(void **state)
{
    (void)state;
    size_t i;
    const json_t *variant;
    assert_int_equal(11, json_array_size(field(file, "variants")));
    json_array_foreach(field(file, "variants"), i, variant)
    {
        print_message("variant %zu\n", i);
        empty_folder();
        write_variant(variant);
        check_model(folder, variant);
        check_saved(variant);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_ties_as_transformers_5)};
    return cmocka_run_group_tests(tests, load, unload);
}
