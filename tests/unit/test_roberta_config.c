/* RoBERTa's config.json and files: what is read, by which default, and what is refused. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "config_cases.h"
#include "core/memory.h"
#include "model_folder.h"

#define TYPES "tests/fixtures/roberta/types"

static const config_case refused[] = {
    {"{\"hidden_act\": \"silu\"}", "hidden_act: silu is not supported (gelu, "},
    {"{\"hidden_act\": 1}", "hidden_act: expected text"},
    {"{\"position_embedding_type\": \"relative_key\"}",
     "position_embedding_type: relative_key is not supported (absolute is)"},
    {"{\"position_embedding_type\": false}", "position_embedding_type: expected text"},
    {"{\"is_encoder_decoder\": true}", "is_encoder_decoder: true is not supported"},
    {"{\"add_cross_attention\": true}", "add_cross_attention: true is not supported"},
    {"{\"tie_word_embeddings\": false}", "tie_word_embeddings: false is not supported"},
    {"{\"pad_token_id\": null}", "pad_token_id: expected an id of the vocabulary"},
    {"{\"pad_token_id\": 50265}", "pad_token_id: expected an id of the vocabulary"},
    {"{\"pad_token_id\": -1}", "pad_token_id: expected an id of the vocabulary"},
    {"{\"max_position_embeddings\": 2}", "max_position_embeddings: 2 leave no position behind "},
    {"{\"max_position_embeddings\": 8, \"pad_token_id\": 9}", "max_position_embeddings: 8 leave"},
    {"{\"max_position_embeddings\": 0}", "max_position_embeddings: expected an integer from 1"},
    {"{\"type_vocab_size\": 0}", "type_vocab_size: expected an integer from 1"},
    {"{\"layer_norm_eps\": 0}", "layer_norm_eps: expected a positive number"},
    {"{\"vocab_size\": \"many\"}", "vocab_size: expected an integer from 1"},
    {"{\"hidden_size\": 300000}", "hidden_size: expected an integer from 1"},
    {"{\"intermediate_size\": 0}", "intermediate_size: expected an integer from 1"},
    {"{\"num_hidden_layers\": 0}", "num_hidden_layers: expected an integer from 1"},
    {"{\"num_attention_heads\": 7}", "num_attention_heads: 7 heads do not divide hidden_size"},
    {"{\"pruned_heads\": {\"0\": [1]}}", "pruned_heads: "},
    {"{\"quantization_config\": {}}", "quantization_config: "},
};

static void refuses_fields_by_name(void **state)
{
    (void)state;
    CHECK_REFUSED("roberta", refused);
}

/* RobertaConfig(), and the config.json of roberta-large. */
static void has_the_defaults_of_transformers(void **state)
{
    (void)state;
    tw_config config;
    assert_int_equal(0, configure("roberta", "{}", &config));
    assert_int_equal(50265, config.vocab_size);
    assert_int_equal(768, config.hidden_size);
    assert_int_equal(3072, config.intermediate_size);
    assert_int_equal(12, config.layers);
    assert_int_equal(12, config.heads);
    assert_int_equal(64, config.head_size);
    assert_int_equal(510, config.max_positions);
    assert_int_equal(1, config.pad);
    assert_int_equal(2, config.token_types);
    assert_int_equal(TW_GELU_ERF, config.activation);
    assert_true(config.norm_epsilon == 1e-12F);
    assert_int_equal(
        0, configure("roberta",
                     "{\"architectures\": [\"RobertaForMaskedLM\"], \"bos_token_id\": 0, "
                     "\"attention_probs_dropout_prob\": 0.1, \"eos_token_id\": 2, "
                     "\"hidden_act\": \"gelu\", \"hidden_dropout_prob\": 0.1, "
                     "\"hidden_size\": 1024, \"initializer_range\": 0.02, "
                     "\"intermediate_size\": 4096, \"layer_norm_eps\": 1e-05, "
                     "\"max_position_embeddings\": 514, \"model_type\": \"roberta\", "
                     "\"num_attention_heads\": 16, \"num_hidden_layers\": 24, "
                     "\"pad_token_id\": 1, \"type_vocab_size\": 1, \"vocab_size\": 50265}",
                     &config));
    assert_int_equal(512, config.max_positions);
    assert_int_equal(64, config.head_size);
    assert_int_equal(1, config.token_types);
    assert_int_equal(0, config.bos);
    assert_int_equal(2, config.eos);
}

/* The fixture without `drop` (NULL: all of it), and with one more in `changed` if that is a name.
 */
static void write_changed(const char *drop, const char *changed)
{
    static const char *const files[] = {"config.json", "tokenizer.json", "tokenizer_config.json"};
    empty_folder();
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        folder_copy(TYPES, files[i]);
    tw_safetensors *file = tw_safetensors_open(TYPES "/model.safetensors");
    assert_non_null(file);
    arrays kept = {file, tw_alloc(tw_safetensors_count(file), sizeof *kept.all), 0};
    float *values = NULL;
    for (size_t i = 0; i < tw_safetensors_count(file); i++) {
        const tw_array *array = tw_safetensors_at(file, i);
        if (drop && strstr(array->name, drop))
            continue;
        kept.all[kept.count++] = *array;
        if (!changed || strcmp(array->name, changed) != 0)
            continue;
        values = tw_alloc(array->count, sizeof *values);
        memcpy(values, array->data, array->count * sizeof *values);
        values[array->count - 1] += 1;
        kept.all[kept.count - 1].data = values;
    }
    write_arrays(&kept);
    free(values);
    close_arrays(&kept);
}

/* Second names may be there or not, but say the same. */
static void reads_tied_tensors_once(void **state)
{
    (void)state;
    write_changed("lm_head.decoder", NULL);
    tw_model_free(open_folder(folder, TW_USE_FROZEN));
    write_changed(NULL, "lm_head.decoder.bias");
    expect_refused("tensor lm_head.decoder.bias differs from lm_head.bias");
    write_changed(NULL, "lm_head.decoder.weight");
    expect_refused("tensor lm_head.decoder.weight differs from "
                   "roberta.embeddings.word_embeddings.weight");
}

static void names_what_is_missing(void **state)
{
    (void)state;
    write_changed("lm_head.", NULL);
    expect_refused("tensor lm_head.dense.weight is missing");
    write_changed("roberta.encoder.layer.0.output.LayerNorm.bias", NULL);
    expect_refused("tensor roberta.encoder.layer.0.output.LayerNorm.bias is missing");
    write_changed("pooler", NULL);
    tw_model_free(open_folder(folder, TW_USE_FROZEN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_fields_by_name),
        cmocka_unit_test(has_the_defaults_of_transformers),
        cmocka_unit_test(reads_tied_tensors_once),
        cmocka_unit_test(names_what_is_missing),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
