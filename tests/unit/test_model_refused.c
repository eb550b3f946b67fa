/* Hostile and unsuitable model folders, each refused by name. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "errors.h"
#include "model/config.h"
#include "model_folder.h"

static const struct {
    const char *key, *value, *message;
} refused_fields[] = {
    {"model_type", NULL, "config.json: model_type: missing"},
    {"model_type", "\"mamba\"", "config.json: model_type: mamba is not supported"},
    {"model_type", "3", "config.json: model_type: expected text"},
    {"scale_attn_by_inverse_layer_idx", "true", "scale_attn_by_inverse_layer_idx: true is not"},
    {"scale_attn_by_inverse_layer_idx", "0", "scale_attn_by_inverse_layer_idx: expected true or"},
    {"reorder_and_upcast_attn", "true", "reorder_and_upcast_attn: true is not supported"},
    {"add_cross_attention", "true", "add_cross_attention: true is not supported"},
    {"is_encoder_decoder", "true", "is_encoder_decoder: true is not supported"},
    {"scale_attn_weights", "false", "scale_attn_weights: false is not supported"},
    {"tie_word_embeddings", "false", "tie_word_embeddings: false is not supported"},
    {"activation_function", "\"gelu\"", "activation_function: gelu is not supported"},
    {"activation_function", "1", "activation_function: expected text"},
    {"pruned_heads", "{\"0\":[1]}", "pruned_heads: "},
    {"quantization_config", "{}", "quantization_config: "},
    {"n_head", "3", "n_head: 3 heads do not divide n_embd, 40"},
    {"n_head", "0", "n_head: expected an integer from 1"},
    {"n_layer", "-1", "n_layer: expected an integer from 1"},
    {"n_layer", "4", "tensor transformer.h.3.ln_1.weight is missing"},
    {"n_layer", "100000000", "n_layer: expected an integer from 1"},
    {"n_embd", "40.0", "n_embd: expected an integer from 1"},
    {"n_embd", "\"40\"", "n_embd: expected an integer from 1"},
    {"n_embd", "80",
     "tensor transformer.wte.weight: shape does not fit config.json, expected "
     "[509, 80]"},
    {"n_positions", "65", "tensor transformer.wpe.weight: shape does not fit"},
    {"n_inner", "80", "tensor transformer.h.0.mlp.c_fc.weight: shape does not fit"},
    {"layer_norm_epsilon", "0", "layer_norm_epsilon: expected a positive number"},
    {"layer_norm_epsilon", "\"small\"", "layer_norm_epsilon: expected a positive number"},
    {"initializer_range", "-0.1", "initializer_range: expected a non-negative number"},
    {"vocab_size", "508",
     "a tokenizer of another vocabulary size: 509 pieces, vocab_size in "
     "config.json is 508"},
    {"vocab_size", "513", "a tokenizer of another vocabulary size"},
    /* padding that would be fine, but for the weights */
    {"vocab_size", "512", "tensor transformer.wte.weight: shape does not fit"},
};

static void refuses_fields_by_name(void **state)
{
    (void)state;
    fresh_folder();
    for (size_t i = 0; i < sizeof refused_fields / sizeof *refused_fields; i++) {
        set_config(refused_fields[i].key, refused_fields[i].value);
        expect_refused(refused_fields[i].message);
    }
    folder_put("config.json", "{\n\"a\": }", 8);
    expect_refused("config.json:2: not JSON");
    folder_put("config.json", "[]", 2);
    expect_refused("config.json: not a JSON object");
}

static void refuses_incomplete_folders(void **state)
{
    (void)state;
    static const char *const names[] = {"config.json", "model.safetensors", "spiece.model"};
    static const char *const messages[] = {"config.json: No such file",
                                           "model.safetensors: No such file", "no tokenizer"};
    for (size_t i = 0; i < 3; i++) {
        fresh_folder();
        char *path = in_folder(names[i]);
        unlink(path);
        expect_refused(messages[i]);
        free(path);
    }
    fresh_folder();
    char *weights = in_folder("model.safetensors");
    unlink(weights);
    folder_put("pytorch_model.bin", "", 0);
    expect_refused("no model.safetensors (pytorch_model.bin is not read");
    folder_put("model.safetensors.index.json", "{}", 2);
    expect_refused("model.safetensors.index.json: weight_map: missing");
    free(weights);

    assert_null(tw_model_open("tests/fixtures/gpt2.json", TW_USE_FROZEN));
    expect_error("gpt2.json: not a folder; expected a model folder");
    assert_null(tw_model_open("tests/fixtures/none", TW_USE_FROZEN));
    expect_error("fixtures/none: No such file");
}

static void refuses_bad_weights(void **state)
{
    (void)state;
    fresh_folder();
    arrays changed = open_arrays();
    tw_array *last = &changed.all[changed.count - 1], kept = *last;
    float *values = tw_alloc(last->count, sizeof *values);
    memcpy(values, last->data, last->count * sizeof *values);
    char *message = tw_format("tensor %s: value %zu is NaN", last->name, last->count - 1);
    values[last->count - 1] = NAN;
    last->data = values;
    write_arrays(&changed);
    expect_refused(message);
    free(message);

    *last = kept;
    last->dtype = TW_I32;
    write_arrays(&changed);
    expect_refused(": dtype I32, expected F32, F16 or BF16");

    *last = kept;
    changed.count--;
    write_arrays(&changed);
    message = tw_format("tensor %s is missing", last->name);
    expect_refused(message);
    free(message);

    /* An output layer of its own. */
    changed.count++;
    changed.all[changed.count] = *tw_safetensors_find(changed.file, "transformer.wte.weight");
    changed.all[changed.count].name = "lm_head.weight";
    float *other = tw_alloc(changed.all[changed.count].count, sizeof *other);
    changed.all[changed.count++].data = other;
    write_arrays(&changed);
    expect_refused("tensor lm_head.weight differs from transformer.wte.weight");
    free(other);

    free(values);
    close_arrays(&changed);
}

/* Tokenizers and vocabularies of models that exist, and pairs that do not belong together. */
static const struct {
    const char *name;
    size_t pieces, vocabulary;
    bool fits;
} vocabularies[] = {
    {"GPT-2", 50257, 50257, true},
    {"T5", 32100, 32128, true},
    {"Qwen2", 151646, 151936, true},
    {"Qwen2.5", 151665, 151936, true},
    {"Qwen2.5-7B", 151665, 152064, true},
    {"Llama 3", 128256, 128256, true},
    {"DeepSeek", 100015, 102400, true},
    {"a tiny one", 509, 512, true},
    {"larger than the vocabulary", 32001, 32000, false},
    {"GPT-2's with Qwen2", 50257, 151936, false},
    {"Llama 2's with Llama 3", 32000, 128256, false},
    {"1/10 too many", 509, 576, false},
    {"1/20 too many", 30464, 32000, false},
    {"no round number", 151665, 151935, false},
};

static void knows_padding(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vocabularies / sizeof *vocabularies; i++)
        if (tw_config_vocabulary_fits(vocabularies[i].pieces, vocabularies[i].vocabulary) !=
            vocabularies[i].fits)
            fail_msg("%s", vocabularies[i].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_padding),
        cmocka_unit_test(refuses_fields_by_name),
        cmocka_unit_test(refuses_incomplete_folders),
        cmocka_unit_test(refuses_bad_weights),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
