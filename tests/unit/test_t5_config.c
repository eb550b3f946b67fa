/* T5's config.json, the names of its embeddings in a file, and its prompts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config_cases.h"
#include "core/memory.h"
#include "errors.h"
#include "model_folder.h"
#include "train/encoding.h"

#define T5 "tests/fixtures/t5/v10"

static const config_case refused[] = {
    {"{\"feed_forward_proj\": \"gated-tanh\"}", "feed_forward_proj: gated-tanh is not supported"},
    {"{\"feed_forward_proj\": 1}", "feed_forward_proj: expected text"},
    {"{\"scale_decoder_outputs\": 1}", "scale_decoder_outputs: expected true or false"},
    {"{\"tie_word_embeddings\": 0}", "tie_word_embeddings: expected true or false"},
    {"{\"is_encoder_decoder\": false}", "is_encoder_decoder: false is not supported"},
    {"{\"layer_norm_epsilon\": 0}", "layer_norm_epsilon: expected a positive number"},
    {"{\"initializer_factor\": -1}", "initializer_factor: expected a non-negative number"},
    {"{\"num_layers\": 0}", "num_layers: expected an integer from 1"},
    {"{\"num_decoder_layers\": 1e3}", "num_decoder_layers: expected an integer from 1"},
    {"{\"d_model\": 300000}", "d_model: expected an integer from 1"},
    {"{\"d_kv\": -1}", "d_kv: expected an integer from 1"},
    {"{\"d_ff\": \"1\"}", "d_ff: expected an integer from 1"},
    {"{\"num_heads\": 100000}", "num_heads: too many for heads of 64"},
    {"{\"n_positions\": 0}", "n_positions: expected an integer from 1"},
    {"{\"vocab_size\": 99999999999}", "vocab_size: expected an integer from 1"},
    {"{\"relative_attention_num_buckets\": 30}",
     "relative_attention_num_buckets: 30 is not supported"},
    {"{\"relative_attention_num_buckets\": 10000}", "relative_attention_num_buckets: expected an"},
    {"{\"relative_attention_max_distance\": 16}",
     "relative_attention_max_distance: expected more than half of the 32 buckets"},
    {"{\"pruned_heads\": {\"0\": [1]}}", "pruned_heads: "},
    {"{\"quantization_config\": {}}", "quantization_config: "},
};

static void refuses_fields_by_name(void **state)
{
    (void)state;
    CHECK_REFUSED("t5", refused);
}

/* T5Config(), and that of T5 v1.1. */
static void has_the_defaults_of_transformers(void **state)
{
    (void)state;
    tw_config config;
    assert_int_equal(0, configure("t5", "{}", &config));
    assert_int_equal(32128, config.vocab_size);
    assert_int_equal(512, config.hidden_size);
    assert_int_equal(64, config.head_size);
    assert_int_equal(2048, config.intermediate_size);
    assert_int_equal(6, config.encoder_layers);
    assert_int_equal(6, config.layers);
    assert_int_equal(8, config.heads);
    assert_int_equal(32, config.buckets);
    assert_int_equal(128, config.max_distance);
    assert_int_equal(512, config.max_positions);
    assert_int_equal(TW_RELU, config.activation);
    assert_true(config.tied && !config.gated);
    assert_true(fabs((double)config.logit_scale - 1 / sqrt(512)) < 1e-8);
    assert_int_equal(1, config.eos);
    assert_int_equal(0, config.pad);
    assert_int_equal(0, config.start);
    assert_int_equal(0, configure("t5",
                                  "{\"feed_forward_proj\": \"gated-gelu\", \"num_layers\": 8, "
                                  "\"num_decoder_layers\": null, \"decoder_start_token_id\": 7, "
                                  "\"tie_word_embeddings\": false, \"n_positions\": 1024}",
                                  &config));
    assert_int_equal(TW_GELU_TANH, config.activation);
    assert_true(config.gated && !config.tied && config.logit_scale == 0);
    assert_int_equal(8, config.layers);
    assert_int_equal(7, config.start);
    assert_int_equal(1024, config.max_positions);
}

/* The fixture with its input embedding under the names given, the last of them changed if
 * so asked. */
static void write_embeddings(const char *const *names, size_t count, bool change)
{
    tw_safetensors *file = tw_safetensors_open(T5 "/model.safetensors");
    assert_non_null(file);
    size_t others = tw_safetensors_count(file), at = 0;
    tw_array *all = tw_alloc(others + count, sizeof *all), shared = *tw_safetensors_at(file, 0);
    for (size_t i = 0; i < others; i++) {
        tw_array array = *tw_safetensors_at(file, i);
        if (strcmp(array.name, "shared.weight") == 0)
            shared = array;
        else
            all[at++] = array;
    }
    assert_string_equal("shared.weight", shared.name);
    size_t bytes = shared.count * tw_dtype_size(shared.dtype);
    char *changed = memcpy(tw_alloc(bytes, 1), shared.data, bytes);
    changed[0] ^= 1;
    for (size_t i = 0; i < count; i++) {
        all[at] = shared;
        all[at].name = names[i];
        if (change && i + 1 == count)
            all[at].data = changed;
        at++;
    }
    char *path = in_folder("model.safetensors");
    assert_int_equal(0, tw_safetensors_write(path, all, at));
    free(path);
    free(changed);
    free(all);
    tw_safetensors_close(file);
}

static const char *const four[] = {"shared.weight", "encoder.embed_tokens.weight",
                                   "decoder.embed_tokens.weight", "lm_head.weight"};

static void knows_the_names_of_its_embeddings(void **state)
{
    (void)state;
    empty_folder();
    folder_copy(T5, "config.json");
    folder_copy(T5, "spiece.model");
    tw_model *plain = open_folder(T5, TW_USE_FROZEN);
    size_t count = plain->params.tensors[0]->rows * plain->params.tensors[0]->width;
    for (size_t first = 0; first < 3; first++) {
        write_embeddings(four + first, 4 - first, false);
        tw_model *model = open_folder(folder, TW_USE_FROZEN);
        assert_memory_equal(plain->params.tensors[0]->x, model->params.tensors[0]->x,
                            count * sizeof(float));
        tw_model_free(model);
    }
    for (size_t last = 2; last <= 3; last++) {
        write_embeddings(four, last, true);
        expect_refused(four[last - 1]);
        expect_error("differs from shared.weight");
    }
    /* An output embedding that differs is one of its own. */
    write_embeddings(four, 4, true);
    tw_model *model = open_folder(folder, TW_USE_FROZEN);
    assert_true(!model->config.tied && model->config.logit_scale > 0);
    assert_true(model->output_embedding != model->params.tensors[0]);
    tw_model_free(model);
    write_embeddings(four, 0, false);
    expect_refused("shared.weight is missing");
    tw_model_free(plain);
}

/* Ids of a prompt under a limit: how many, and whether the last is EOS. */
static size_t encode(const tw_encoding *encoding, const char *text, tw_encoded *encoded,
                     bool *closed)
{
    tw_ids ids = {0};
    assert_int_equal(0, tw_encode_prompt(encoding, text, 100000, encoded, &ids));
    size_t count = ids.count, ends = 0;
    for (size_t i = 0; i < count; i++)
        ends += ids.ids[i] == encoding->eos;
    *closed = ends == 1 && ids.ids[count - 1] == encoding->eos;
    free(ids.ids);
    return count;
}

/* One EOS at the end, whatever the limit, which a completion's length is nothing to. */
static void closes_prompts(void **state)
{
    (void)state;
    static const char text[] = "a library for fonts";
    tw_model *model = open_folder(T5, TW_USE_FROZEN);
    tw_encoding encoding = tw_encoding_of(model, NULL);
    tw_encoded encoded = {0};
    bool closed = false;
    size_t whole = encode(&encoding, text, &encoded, &closed);
    assert_true(closed && whole > 4);
    assert_int_equal(1, encode(&encoding, "", &encoded, &closed));
    assert_true(closed);
    for (size_t limit = 1; limit <= whole + 1; limit++) {
        encoding.max_prompt_tokens = limit;
        encoded.prompts_cut = 0;
        assert_int_equal(limit < whole ? limit : whole, encode(&encoding, text, &encoded, &closed));
        assert_true(closed);
        assert_int_equal(limit < whole, encoded.prompts_cut);
    }
    encoding.max_prompt_tokens = whole - 1;
    encoding.strict = true;
    tw_ids ids = {0};
    assert_int_equal(-1, tw_encode_prompt(&encoding, text, 1, &encoded, &ids));
    expect_error("prompt: ");
    tw_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_fields_by_name),
        cmocka_unit_test(has_the_defaults_of_transformers),
        cmocka_unit_test(knows_the_names_of_its_embeddings),
        cmocka_unit_test(closes_prompts),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
