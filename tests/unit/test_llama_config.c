/* config.json of Llama's family: what is read, by which default, and what is refused. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <math.h>

#include "config_cases.h"

#define ROPE(fields) "{\"rope_scaling\": {" fields "}}"
#define LLAMA3 "\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 1, "

static const config_case llama_refused[] = {
    {"{\"hidden_act\": \"gelu\"}", "hidden_act: gelu is not supported"},
    {"{\"hidden_act\": 1}", "hidden_act: expected text"},
    {"{\"attention_bias\": 1}", "attention_bias: expected true or false"},
    {"{\"mlp_bias\": \"no\"}", "mlp_bias: expected true or false"},
    {"{\"tie_word_embeddings\": 0}", "tie_word_embeddings: expected true or false"},
    {"{\"rms_norm_eps\": 0}", "rms_norm_eps: expected a positive number"},
    {"{\"num_hidden_layers\": 0}", "num_hidden_layers: expected an integer from 1"},
    {"{\"intermediate_size\": 1e3}", "intermediate_size: expected an integer from 1"},
    {"{\"max_position_embeddings\": -1}", "max_position_embeddings: expected an integer"},
    {"{\"vocab_size\": 99999999999}", "vocab_size: expected an integer from 1"},
    {"{\"hidden_size\": 300000}", "hidden_size: expected an integer from 1"},
    {"{\"num_attention_heads\": 3}", "num_attention_heads: 3 heads do not divide"},
    {"{\"num_key_value_heads\": 5}", "num_key_value_heads: 5 do not divide"},
    {"{\"num_key_value_heads\": 64}", "num_key_value_heads: 64 do not divide"},
    {"{\"head_dim\": 15}", "head_dim: rotary positions want an even number, not 15"},
    {"{\"head_dim\": 262144}", "head_dim: expected an integer from 1 to 8192"},
    {"{\"num_attention_heads\": 4096}", "head_dim: rotary positions want an even"},
    {"{\"rope_theta\": 0}", "rope_theta: expected a positive number"},
    {"{\"partial_rotary_factor\": 0.5}", "partial_rotary_factor: 0.5 is not supported"},
    {"{\"rope_scaling\": 2}", "rope_scaling: expected an object"},
    {"{\"rope_scaling\": {}}", "rope_scaling: rope_type: missing"},
    {ROPE("\"rope_type\": \"yarn\", \"factor\": 4"),
     "rope_scaling: rope_type: yarn is not supported"},
    {ROPE("\"type\": \"dynamic\", \"factor\": 4"), "rope_scaling: type: dynamic is not supported"},
    {ROPE("\"type\": \"linear\""), "rope_scaling: factor: missing"},
    {ROPE("\"type\": \"linear\", \"factor\": 0"), "rope_scaling: factor: expected a pos"},
    {ROPE(LLAMA3 "\"high_freq_factor\": 4"),
     "rope_scaling: original_max_position_embeddings: missing"},
    {ROPE(LLAMA3 "\"high_freq_factor\": 1, \"original_max_position_embeddings\": 64"),
     "rope_scaling: high_freq_factor: expected more than low_freq_factor"},
    {"{\"rope_parameters\": {\"rope_type\": \"default\", \"rope_theta\": -1}}",
     "rope_parameters: rope_theta: expected a positive number"},
    {"{\"layer_types\": [\"full_attention\", \"sliding_attention\"]}",
     "layer_types: sliding_attention is not supported"},
    {"{\"layer_types\": 1}", "layer_types: expected a list"},
    {"{\"pruned_heads\": {\"0\": [1]}}", "pruned_heads: "},
    {"{\"quantization_config\": {}}", "quantization_config: "},
    {"{\"add_cross_attention\": true}", "add_cross_attention: true is not supported"},
};

static const config_case mistral_refused[] = {
    {"{}", "sliding_window: 4096 is not supported"},
    {"{\"sliding_window\": 512}", "sliding_window: 512 is not supported"},
    {"{\"sliding_window\": \"512\"}", "sliding_window: expected an integer"},
};

static const config_case qwen2_refused[] = {
    {"{\"use_sliding_window\": true}", "use_sliding_window: true is not supported"},
    {"{\"use_sliding_window\": 1}", "use_sliding_window: expected true or false"},
};

static const config_case qwen3_refused[] = {
    {"{\"use_sliding_window\": true}", "use_sliding_window: true is not supported"},
    {"{\"head_dim\": null, \"num_attention_heads\": 24}",
     "num_key_value_heads: 32 do not divide num_attention_heads, 24"},
};

static void refuses_fields_by_name(void **state)
{
    (void)state;
    CHECK_REFUSED("llama", llama_refused);
    CHECK_REFUSED("mistral", mistral_refused);
    CHECK_REFUSED("qwen2", qwen2_refused);
    CHECK_REFUSED("qwen3", qwen3_refused);
}

/* LlamaConfig(), MistralConfig(sliding_window=None), Qwen2Config(), Qwen3Config(). */
static void has_the_defaults_of_transformers(void **state)
{
    (void)state;
    tw_config config;
    assert_int_equal(0, configure("llama", "{}", &config));
    assert_int_equal(32000, config.vocab_size);
    assert_int_equal(4096, config.hidden_size);
    assert_int_equal(11008, config.intermediate_size);
    assert_int_equal(32, config.layers);
    assert_int_equal(32, config.heads);
    assert_int_equal(32, config.kv_heads);
    assert_int_equal(128, config.head_size);
    assert_int_equal(2048, config.max_positions);
    assert_true(config.norm_epsilon == 1e-6F && config.rope.theta == 10000);
    assert_false(config.tied || config.qkv_bias || config.output_bias || config.mlp_bias);

    assert_int_equal(0, configure("mistral", "{\"sliding_window\": null}", &config));
    assert_int_equal(8, config.kv_heads);
    assert_int_equal(14336, config.intermediate_size);
    assert_int_equal(131072, config.max_positions);
    assert_int_equal(
        0,
        configure("mistral", "{\"sliding_window\": null, \"num_key_value_heads\": null}", &config));
    assert_int_equal(32, config.kv_heads);
    /* A window that no text exceeds. */
    assert_int_equal(0, configure("mistral", "{\"max_position_embeddings\": 4096}", &config));
}

static void has_the_defaults_of_qwen(void **state)
{
    (void)state;
    tw_config config;
    assert_int_equal(0, configure("qwen2", "{\"sliding_window\": 512}", &config));
    assert_int_equal(151936, config.vocab_size);
    assert_int_equal(22016, config.intermediate_size);
    assert_int_equal(32768, config.max_positions);
    assert_int_equal(32, config.kv_heads);
    assert_int_equal(128, config.head_size);
    assert_true(config.qkv_bias && !config.output_bias && !config.head_norms && !config.tied);
    /* A head of its own size, whatever hidden_size is; none of it where null is written. */
    assert_int_equal(0, configure("qwen3", "{\"hidden_size\": 1024}", &config));
    assert_int_equal(128, config.head_size);
    assert_true(config.head_norms && !config.qkv_bias && !config.output_bias);
    assert_int_equal(0, configure("qwen3",
                                  "{\"hidden_size\": 1024, \"head_dim\": null, "
                                  "\"attention_bias\": true}",
                                  &config));
    assert_int_equal(32, config.head_size);
    assert_true(config.qkv_bias && config.output_bias);
}

static void reads_what_differs(void **state)
{
    (void)state;
    tw_config config;
    assert_int_equal(0, configure("llama",
                                  "{\"hidden_size\": 60, \"num_attention_heads\": 6, "
                                  "\"num_key_value_heads\": 2, \"head_dim\": null, "
                                  "\"attention_bias\": true, \"tie_word_embeddings\": true, "
                                  "\"hidden_act\": \"silu\", \"rope_scaling\": null}",
                                  &config));
    assert_int_equal(10, config.head_size);
    assert_int_equal(2, config.kv_heads);
    assert_true(config.tied && config.qkv_bias && config.output_bias && !config.mlp_bias);
    assert_int_equal(0, configure("llama", "{\"head_dim\": 64, \"mlp_bias\": true}", &config));
    assert_int_equal(64, config.head_size);
    assert_true(config.mlp_bias && !config.qkv_bias);
    /* As newer versions of transformers write it. */
    assert_int_equal(0, configure("llama",
                                  "{\"rope_parameters\": {\"rope_type\": \"linear\", "
                                  "\"factor\": 4, \"rope_theta\": 5e5}}",
                                  &config));
    assert_true(config.rope.theta == 5e5 && config.rope.factor == 4);
}

static void expect_frequency(double expected, float found)
{
    if (fabs(expected - (double)found) > 1e-7 * expected)
        fail_msg("frequency %.9g, expected %.9g", (double)found, expected);
}

/* Llama 3.1's own settings. Wavelengths of 8192 / 4 and 8192 / 1 tokens are the borders. */
static void stretches_long_waves(void **state)
{
    (void)state;
    enum { HEAD = 128 };
    tw_rope_config rope = {.theta = 5e5, .factor = 8, .low = 1, .high = 4, .context = 8192};
    float frequencies[HEAD / 2];
    size_t kinds[3] = {0};
    tw_rope_frequencies(&rope, HEAD, frequencies);
    for (size_t i = 0; i < HEAD / 2; i++) {
        double plain = pow(5e5, -2.0 * (double)i / HEAD), wave = 2 * acos(-1) / plain;
        double smooth = (8192 / wave - 1) / 3, expected = plain;
        if (wave > 8192)
            expected = plain / 8;
        else if (wave > 2048)
            expected = (1 - smooth) * plain / 8 + smooth * plain;
        kinds[(wave > 2048) + (wave > 8192)]++;
        expect_frequency(expected, frequencies[i]);
    }
    assert_true(kinds[0] > 0 && kinds[1] > 0 && kinds[2] > 0);
    rope = (tw_rope_config){.theta = 10000, .factor = 2};
    tw_rope_frequencies(&rope, 4, frequencies);
    expect_frequency(0.5, frequencies[0]);
    expect_frequency(0.005, frequencies[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_fields_by_name),
        cmocka_unit_test(has_the_defaults_of_transformers),
        cmocka_unit_test(has_the_defaults_of_qwen),
        cmocka_unit_test(reads_what_differs),
        cmocka_unit_test(stretches_long_waves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
