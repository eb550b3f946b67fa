/* RoBERTa as a causal LM against transformers in double precision (tests/oracle/causal_roberta.py):
 * logits, losses, gradients, greedy continuations with the cache and an AdamW step of tiny models;
 * what a config.json makes one, and what it is not any more. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/error.h"
#include "core/memory.h"
#include "model/masked-lm.h"
#include "model_folder.h"
#include "model_tests.h"
#include "recorded.h"
#include "recorded_models.h"
#include "train/encoding.h"

/* fp32 rounds to 6e-8, over sums of 40 to 52 terms and 1 to 3 layers; gradients sum over 66 rows as
 * well. The largest errors seen are less than a quarter of these bounds. */
static int load(void **state)
{
    within = (tolerances){.value = 1e-5, .gradient = 5e-5, .weight = 5e-6};
    return open_recorded("causal-roberta", "models", state);
}

/* Padding stands at its own position, what follows it where it would stand behind other tokens; in
 * one pass as with a cache. */
static void reads_padding_as_a_cache_does(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
    tw_params_own(&model->params);
    size_t count = 0;
    int32_t *tokens = tokens_of(field(field(recorded, "padding"), "tokens"), &count);
    tw_batch batch = {0};
    tw_batch_add(&batch, tokens, count, -1);
    check_logits(model, &batch, count - 1, field(field(recorded, "padding"), "logits"));
    tw_batch_free(&batch);
    free(tokens);
    tw_model_free(model);
}

/* <s> prompt completion </s>: what the tokenizer puts behind a text closes the completion only. */
static void begins_prompts_and_ends_completions(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
    const int32_t start = model->config.bos, end = model->config.eos;
    assert_int_equal(end, tw_tokenizer_after(model->tokenizer)->ids[0]);
    const tw_encoding encoding = tw_encoding_of(model, NULL);
    tw_encoded encoded = {0};
    tw_ids ids = {0};
    assert_int_equal(0, tw_encode_prompt(&encoding, "a font", 4, &encoded, &ids));
    assert_int_equal(start, ids.ids[0]);
    for (size_t i = 1; i < ids.count; i++)
        assert_true(ids.ids[i] != start && ids.ids[i] != end);
    free(ids.ids);
    assert_int_equal(0, tw_encode_prompt(&encoding, "", 4, &encoded, &ids));
    assert_true(ids.count == 1 && ids.ids[0] == start);
    free(ids.ids);
    assert_int_equal(0, tw_encode_completion(&encoding, "a font", &encoded, &ids));
    assert_int_not_equal(start, ids.ids[0]);
    for (size_t i = 0; i < ids.count; i++)
        assert_int_equal(i + 1 == ids.count, ids.ids[i] == end);
    free(ids.ids);
    tw_model_free(model);
}

/* tests/oracle/causal_roberta.py --saved opens it with transformers. */
static void saves_a_decoder(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
    assert_int_equal(0, tw_model_check_causal(model));
    tw_model *again = saved_again(model);
    assert_string_equal("RobertaForCausalLM", again->architecture->class_name);
    assert_true(json_is_true(json_object_get(again->json, "is_decoder")));
    size_t size = 0;
    char *generation = folder_get(folder, "generation_config.json", &size);
    char *pad = tw_format("\"pad_token_id\": %d", model->config.pad);
    assert_non_null(strstr(generation, pad));
    free(pad);
    free(generation);
    const char *kept = getenv("SAVE_TO");
    char *keep = tw_format("%s/%s", kept ? kept : "", strrchr(recorded_path, '/') + 1);
    if (kept)
        assert_int_equal(0, mkdir(keep, 0777) || tw_model_save(model, keep));
    free(keep);
    tw_model_free(again);
    tw_model_free(model);
}

/* The same weights, as the config.json says. */
static tw_model *with_decoder(const char *value)
{
    char *path = tw_format("%s/config.json", recorded_path);
    json_t *json = json_load_file(path, 0, NULL);
    free(path);
    json_object_del(json, "is_decoder");
    if (value)
        json_object_set_new(json, "is_decoder", json_loads(value, JSON_DECODE_ANY, NULL));
    char *text = json_dumps(json, 0);
    folder_put("config.json", text, strlen(text));
    free(text);
    json_decref(json);
    char *config = in_folder("config.json");
    tw_model *model = tw_model_init(config, recorded_path, 3);
    free(config);
    return model;
}

static void is_what_its_config_says(void **state)
{
    (void)state;
    tw_model *model = with_decoder("true");
    assert_int_equal(0, tw_model_check_causal(model));
    assert_int_equal(-1, tw_masked_lm_check(model));
    tw_model_free(model);
    for (size_t i = 0; i < 3; i++) {
        model = with_decoder((const char *[]){NULL, "false", "null"}[i]);
        assert_int_equal(-1, tw_model_check_causal(model));
        assert_int_equal(0, tw_masked_lm_check(model));
        assert_string_equal("RobertaForMaskedLM", model->architecture->class_name);
        tw_model_free(model);
    }
    assert_null(with_decoder("1"));
    assert_non_null(strstr(tw_error(), "is_decoder: expected true or false"));
}

/* BERTScore wants an encoder. */
static void is_no_masked_lm(void **state)
{
    (void)state;
    tw_model *model = open_folder(recorded_path, TW_USE_FROZEN);
    assert_int_equal(-1, tw_masked_lm_check(model));
    char *expected = tw_format("%s: RobertaForCausalLM is not a masked language model "
                               "(RobertaForMaskedLM is: model_type roberta, is_decoder not true)",
                               recorded_path);
    assert_string_equal(expected, tw_error());
    free(expected);
    tw_model_free(model);
}

#define TESTS(model)                                                                               \
    RECORDED_TEST(computes_logits, model), RECORDED_TEST(trains_on_the_mean, model),               \
        RECORDED_TEST(shares_a_prompt, model), RECORDED_TEST(continues_greedily, model),           \
        RECORDED_TEST(saves_what_it_opened, model),                                                \
        RECORDED_TEST(begins_prompts_and_ends_completions, model),                                 \
        RECORDED_TEST(reads_padding_as_a_cache_does, model),                                       \
        RECORDED_TEST(saves_a_decoder, model), RECORDED_TEST(is_what_its_config_says, model),      \
        RECORDED_TEST(is_no_masked_lm, model)

int main(void)
{
    const struct CMUnitTest tests[] = {TESTS("tiny"), TESTS("types")};
    return cmocka_run_group_tests(tests, load, close_recorded);
}
