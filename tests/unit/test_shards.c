/* Weights in several files: opened as one set, told apart, and refused when the set is not
 * whole. (That they hold the right values: test_llama.c.) */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "errors.h"
#include "model_folder.h"

#define SHARDED "tests/fixtures/llama/qwen2"
#define INDEX "model.safetensors.index.json"
#define FIRST "model-00001-of-00003.safetensors"
#define SECOND "model-00002-of-00003.safetensors"

static const char *const names[] = {
    "config.json",           INDEX, FIRST, SECOND, "model-00003-of-00003.safetensors",
    "generation_config.json"};

static void fresh_set(void)
{
    empty_folder();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        folder_copy(SHARDED, names[i]);
    folder_copy(SHARDED, "spiece.model");
}

/* The index with one tensor said to be in `file` (NULL: not named). */
static void set_place(const char *tensor, json_t *file)
{
    json_t *index = json_load_file(SHARDED "/" INDEX, 0, NULL);
    json_t *map = json_object_get(index, "weight_map");
    if (file)
        json_object_set_new(map, tensor, file);
    else
        json_object_del(map, tensor);
    char *text = json_dumps(index, 0);
    folder_put(INDEX, text, strlen(text));
    free(text);
    json_decref(index);
}

static void finds_tensors_in_their_files(void **state)
{
    (void)state;
    tw_shards *shards = tw_shards_open(SHARDED);
    assert_non_null(shards);
    tw_stored found;
    assert_true(tw_shards_find(shards, "model.embed_tokens.weight", &found));
    assert_string_equal(SHARDED "/" FIRST, tw_safetensors_path(found.file));
    assert_string_equal("model.embed_tokens.weight", found.array->name);
    assert_true(tw_shards_find(shards, "model.layers.1.mlp.up_proj.weight", &found));
    assert_string_equal(SHARDED "/" SECOND, tw_safetensors_path(found.file));
    assert_false(tw_shards_find(shards, "model.layers.2.mlp.up_proj.weight", &found));
    assert_int_equal(3 + 2 * 12, tw_shards_count(shards));
    size_t values = 0;
    for (size_t i = 0; i < tw_shards_count(shards); i++)
        values += tw_shards_at(shards, i).array->count;
    assert_int_equal(122480 / 2, values); /* metadata.total_size, in bytes of bf16 */
    tw_shards_close(shards);
    tw_shards_close(NULL);
}

static void prefers_a_single_file(void **state)
{
    (void)state;
    tw_shards *shards = tw_shards_open(GPT2);
    assert_non_null(shards);
    assert_string_equal(GPT2 "/model.safetensors", tw_shards_path(shards));
    tw_shards_close(shards);
    fresh_set();
    folder_put("model.safetensors", "", 0);
    expect_refused("model.safetensors: 0 bytes are too few");
}

static void refuses_sets_that_are_not_whole(void **state)
{
    (void)state;
    static const char tensor[] = "model.layers.0.mlp.up_proj.weight"; /* in FIRST */
    fresh_set();
    char *path = in_folder(SECOND);
    unlink(path);
    free(path);
    expect_refused(INDEX ": ");
    expect_error(SECOND ": No such file");

    fresh_set();
    set_place("model.layers.9.mlp.up_proj.weight", json_string(FIRST));
    expect_refused("weight_map: tensor model.layers.9.mlp.up_proj.weight is not in " FIRST);
    set_place(tensor, json_string(SECOND));
    expect_refused("weight_map: tensor model.layers.0.mlp.up_proj.weight is not in " SECOND);
    set_place(tensor, NULL);
    expect_refused(INDEX ": tensor model.layers.0.mlp.up_proj.weight is missing");
    set_place(tensor, json_string("../x/" FIRST));
    expect_refused("up_proj.weight: '../x/" FIRST "' is not the name of a file in this folder");
    set_place(tensor, json_string(".."));
    expect_refused("'..' is not the name of a file in this folder");
    set_place(tensor, json_string(""));
    expect_refused("'' is not the name of a file in this folder");
    set_place(tensor, json_integer(1));
    expect_refused("up_proj.weight: expected the name of a file");
    folder_put(INDEX, "{\"weight_map\": {}}", 18);
    expect_refused("weight_map: missing, empty or not an object");
    folder_put(INDEX, "{\"weight_map\": 1", 16);
    expect_refused(INDEX ":1: not JSON");
    folder_put(INDEX, "[]", 2);
    expect_refused(INDEX ": not a JSON object");
}

/* Of one value in any of the files, or a place in the index. */
static void digests_tell_sets_apart(void **state)
{
    (void)state;
    char digest[TW_XXH3_TEXT], other[TW_XXH3_TEXT];
    fresh_set();
    assert_int_equal(0, tw_model_digest(folder, digest));
    assert_int_equal(0, tw_model_digest(SHARDED, other));
    assert_string_equal(digest, other);
    for (size_t i = 2; i < sizeof names / sizeof *names; i++) { /* shards, then how to generate */
        size_t size = 0;
        char *bytes = folder_get(folder, names[i], &size);
        bytes[size - 2] ^= 1;
        folder_put(names[i], bytes, size);
        assert_int_equal(0, tw_model_digest(folder, other));
        assert_string_not_equal(digest, other);
        free(bytes);
        fresh_set();
    }
    set_place("another", json_string(FIRST));
    assert_int_equal(0, tw_model_digest(folder, other));
    assert_string_not_equal(digest, other);
    char *path = in_folder(SECOND);
    unlink(path);
    free(path);
    assert_int_equal(-1, tw_model_digest(folder, other));
    expect_error(SECOND ": No such file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_tensors_in_their_files),
        cmocka_unit_test(prefers_a_single_file),
        cmocka_unit_test(refuses_sets_that_are_not_whole),
        cmocka_unit_test(digests_tell_sets_apart),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
