/* Adapter folders that are hostile, or ask for what is not supported: each is refused with a
 * message that names file and field or tensor. Digests tell adapters apart. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/memory.h"
#include "errors.h"
#include "model/lora.h"
#include "model_folder.h"

#define ADAPTER "tests/fixtures/lora/gpt2"

static void put_json(const char *name, json_t *json)
{
    char *text = json_dumps(json, 0);
    folder_put(name, text, strlen(text));
    free(text);
    json_decref(json);
}

/* adapter_config.json of the fixture with its base at hand and one field set (NULL: removed). */
static void set_field(const char *key, const char *value)
{
    char base[PATH_MAX];
    assert_non_null(realpath(GPT2, base));
    json_t *json = json_load_file(ADAPTER "/adapter_config.json", 0, NULL);
    json_object_set_new(json, "base_model_name_or_path", json_string(base));
    if (value)
        json_object_set_new(json, key, json_loads(value, JSON_DECODE_ANY, NULL));
    else if (key)
        json_object_del(json, key);
    put_json("adapter_config.json", json);
}

static void fresh_adapter(void)
{
    empty_folder();
    folder_copy(ADAPTER, "adapter_model.safetensors");
    set_field(NULL, NULL);
}

static void check_refused(const char *message)
{
    for (int use = TW_USE_FROZEN; use <= TW_USE_ADAPTER; use++) {
        tw_model *model = tw_model_open(folder, (tw_use)use);
        if (model)
            fail_msg("opened, expected '%s'", message);
        expect_error(message);
    }
}

static void refuses_fields(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *message;
    } cases[] = {
        {"peft_type", NULL, "adapter_config.json: peft_type: expected LORA"},
        {"peft_type", "\"IA3\"", "peft_type: expected LORA"},
        {"peft_type", "7", "peft_type: expected LORA"},
        {"r", NULL, "adapter_config.json: r: missing"},
        {"r", "0", "r: expected an integer from 1"},
        {"r", "-3", "r: expected an integer from 1"},
        {"r", "2.5", "r: expected an integer from 1"},
        {"r", "41", "rank 41 is larger than transformer.h.0.attn.c_attn, [40, 120]"},
        {"r", "99999999999", "r: expected an integer from 1"},
        {"r", "4", "tensor base_model.model.transformer.h.0.attn.c_attn.lora_A.weight: shape"},
        {"lora_alpha", NULL, "lora_alpha: missing"},
        {"lora_alpha", "0", "lora_alpha: expected a positive number"},
        {"lora_alpha", "\"8\"", "lora_alpha: expected a positive number"},
        {"use_dora", "true", "adapter_config.json: use_dora: not supported"},
        {"use_rslora", "true", "use_rslora: not supported"},
        {"rank_pattern", "{\"c_attn\": 8}", "rank_pattern: not supported"},
        {"alpha_pattern", "{\"c_attn\": 8}", "alpha_pattern: not supported"},
        {"modules_to_save", "[\"lm_head\"]", "modules_to_save: not supported"},
        {"layers_to_transform", "[0]", "layers_to_transform: not supported"},
        {"layer_replication", "[[0, 2]]", "layer_replication: not supported"},
        {"loftq_config", "{\"loftq_bits\": 4}", "loftq_config: not supported"},
        {"lora_bias", "true", "lora_bias: not supported"},
        {"of_the_future", "1", "of_the_future: not supported"},
        {"init_lora_weights", "\"pissa\"", "init_lora_weights: pissa is not supported"},
        {"bias", "\"all\"", "bias: only none is supported"},
        {"bias", "null", "bias: only none is supported"},
        {"target_modules", NULL, "target_modules: expected a list of names"},
        {"target_modules", "\".*c_attn\"", "a pattern is not supported"},
        {"target_modules", "[]", "target_modules: expected a list of names"},
        {"target_modules", "[\"c_attn\", 3]", "target_modules: expected a list of names"},
        {"target_modules", "[\"q_proj\"]", "target q_proj: the model has no such layer"},
        {"target_modules", "[\"attn\"]", "target attn: the model has no such layer"},
        {"target_modules", "[\"_attn\"]", "target _attn: the model has no such layer"},
        {"target_modules", "[\"wte\"]", "target wte: not a linear layer"},
        {"target_modules", "[\"transformer.wpe\"]", "target transformer.wpe: not a linear layer"},
        {"target_modules", "[\"c_attn\"]",
         "tensor base_model.model.transformer.h.0.mlp.c_proj.lora_A.weight: the adapter has no "
         "such tensor"},
        {"target_modules", "[\"c_attn\", \"c_proj\"]",
         "tensor base_model.model.transformer.h.0.attn.c_proj.lora_A.weight is missing"},
        {"base_model_name_or_path", NULL, "base_model_name_or_path: expected the base model's"},
        {"base_model_name_or_path", "\"openai/gpt2\"",
         "openai/gpt2: set this field to the base model's"},
        {"base_model_name_or_path", "\".\"", "is an adapter itself"},
        {"base_model_name_or_path", "\"/tmp\"", "/tmp/config.json"},
    };
    fresh_adapter();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set_field(cases[i].key, cases[i].value);
        check_refused(cases[i].message);
    }
    folder_put("adapter_config.json", "{", 1);
    check_refused("adapter_config.json:1: not JSON");
    /* Fields of other versions that are not in use do not matter. */
    set_field("eva_config", "null");
    tw_model *model = open_folder(folder, TW_USE_FROZEN);
    tw_model_free(model);
}

/* Writes the fixture's tensors again, after `spoil` changed them and their number. */
static void rewrite(size_t (*spoil)(tw_array *arrays, size_t count))
{
    tw_safetensors *file = tw_safetensors_open(ADAPTER "/adapter_model.safetensors");
    assert_non_null(file);
    size_t count = tw_safetensors_count(file);
    tw_array *arrays = tw_alloc(count, sizeof *arrays);
    for (size_t i = 0; i < count; i++)
        arrays[i] = *tw_safetensors_at(file, i);
    count = spoil(arrays, count);
    char *path = in_folder("adapter_model.safetensors");
    assert_int_equal(0, tw_safetensors_write(path, arrays, count));
    free(path);
    free(arrays);
    tw_safetensors_close(file);
}

static size_t drop_one(tw_array *arrays, size_t count)
{
    (void)arrays;
    return count - 1;
}

static size_t rename_one(tw_array *arrays, size_t count)
{
    arrays[0].name = "base_model.model.transformer.h.7.attn.c_attn.lora_A.weight";
    return count;
}

static size_t transpose_one(tw_array *arrays, size_t count)
{
    size_t rows = arrays[0].shape[0];
    arrays[0].shape[0] = arrays[0].shape[1];
    arrays[0].shape[1] = rows;
    return count;
}

static float numbers[40 * 40];

static void put_number(tw_array *arrays, float number)
{
    memcpy(numbers, arrays[0].data, arrays[0].count * sizeof *numbers);
    numbers[5] = number;
    arrays[0].data = numbers;
}

static size_t put_nan(tw_array *arrays, size_t count)
{
    put_number(arrays, NAN);
    return count;
}

static size_t put_one(tw_array *arrays, size_t count)
{
    put_number(arrays, 1);
    return count;
}

static size_t make_integers(tw_array *arrays, size_t count)
{
    arrays[0].dtype = TW_I32;
    return count;
}

static void refuses_tensors(void **state)
{
    (void)state;
    static const struct {
        size_t (*spoil)(tw_array *arrays, size_t count);
        const char *message;
    } cases[] = {{drop_one, ".weight is missing"},
                 {rename_one, "h.7.attn.c_attn.lora_A.weight: the adapter has no such tensor"},
                 {transpose_one, "shape does not fit the base model and adapter_config.json"},
                 {put_nan, "value 5 is NaN"},
                 {make_integers, "dtype I32, expected F32, F16 or BF16"}};
    fresh_adapter();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rewrite(cases[i].spoil);
        check_refused("adapter_model.safetensors: tensor base_model.model.");
        check_refused(cases[i].message);
    }
    folder_put("adapter_model.safetensors", "short", 5);
    check_refused("adapter_model.safetensors: ");
    char *path = in_folder("adapter_model.safetensors");
    unlink(path);
    free(path);
    check_refused("adapter_model.safetensors: No such file");
    folder_put("adapter_model.bin", "PK", 2);
    check_refused("adapter_model.bin is not read: convert it to safetensors");
}

static void digest_of(char digest[TW_XXH3_TEXT])
{
    if (tw_model_digest(folder, digest) < 0)
        fail_msg("%s", tw_error());
}

/* Of the adapter's values, its settings and the base. */
static void digests_tell_apart(void **state)
{
    (void)state;
    char digests[4][TW_XXH3_TEXT];
    fresh_adapter();
    digest_of(digests[0]);
    set_field("lora_alpha", "6");
    digest_of(digests[1]);
    set_field(NULL, NULL);
    rewrite(put_one);
    digest_of(digests[2]);
    fresh_adapter();
    char other[PATH_MAX], *text = NULL;
    assert_non_null(realpath("tests/fixtures/gpt2-bf16", other));
    text = tw_format("\"%s\"", other);
    set_field("base_model_name_or_path", text);
    free(text);
    digest_of(digests[3]);
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(digests[i], digests[j]);
    /* Where the base is named is not what it is. */
    set_field(NULL, NULL);
    digest_of(digests[3]);
    assert_string_equal(digests[0], digests[3]);
    assert_int_equal(0, tw_model_digest(ADAPTER, digests[3]));
    assert_string_equal(digests[0], digests[3]);
}

static void parses_ranks(void **state)
{
    (void)state;
    tw_lora_options options = {0};
    assert_int_equal(0, tw_lora_parse("8", &options));
    assert_int_equal(8, options.rank);
    assert_true(options.alpha == 0);
    assert_int_equal(0, tw_lora_parse("16:2.5", &options));
    assert_int_equal(16, options.rank);
    assert_true(options.alpha == 2.5);
    static const char *const bad[] = {"",
                                      "0",
                                      "-1",
                                      " 8",
                                      "8:",
                                      "8:0",
                                      "8:-1",
                                      "8:x",
                                      "8x",
                                      "x",
                                      "8:1x",
                                      "8:1e999",
                                      "8:nan",
                                      "65537",
                                      "8:16:",
                                      "1e1",
                                      ":16",
                                      "8: 1",
                                      "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(-1, tw_lora_parse(bad[i], &options));
        expect_error("expected RANK or RANK:ALPHA");
    }
}

static void refuses_targets(void **state)
{
    (void)state;
    static const struct {
        const char *targets, *message;
        size_t rank;
    } cases[] = {{"", "expected names of layers", 2},
                 {"c_attn,", "expected names of layers", 2},
                 {"c_attn,,c_fc", "expected names of layers", 2},
                 {"wte", "target wte: not a linear layer", 2},
                 {"ln_1", "target ln_1: the model has no such layer", 2},
                 {"nothing", "(c_attn,c_proj,c_fc are supported)", 2},
                 {NULL, "rank 41 is larger than", 41}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tw_lora_options options = {.rank = cases[i].rank, .targets = cases[i].targets};
        tw_model *model = tw_model_describe(GPT2, NULL, NULL);
        assert_int_equal(-1, tw_lora_add(model, &options));
        if (!strstr(tw_error(), cases[i].message))
            fail_msg("'%s', expected '%s'", tw_error(), cases[i].message);
        tw_model_free(model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_fields),     cmocka_unit_test(refuses_tensors),
        cmocka_unit_test(digests_tell_apart), cmocka_unit_test(parses_ranks),
        cmocka_unit_test(refuses_targets),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
