/* Tokens that stand only in the files beside a tokenizer.json, against what transformers records
 * (tests/oracle/config_tokens.py). */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/memory.h"
#include "recorded.h"
#include "scratch.h"
#include "text/tokenizer.h"

static json_t *recorded; /* read before the folder is left */
static char *home;

static void copy_tokenizer(const char *of)
{
    const char *folder = strcmp(of, "gpt2") == 0 ? "tokenizers/gpt2" : "folders/unigram";
    char *path = tw_format("%s/tests/fixtures/%s/tokenizer.json", home, folder);
    size_t size = 0;
    char *bytes = scratch_read(path, &size);
    scratch_write("tokenizer.json", bytes, size);
    free(bytes);
    free(path);
}

/* null: no such file */
static void put_file(const char *name, const json_t *content)
{
    unlink(name);
    if (json_is_null(content))
        return;
    char *text = json_dumps(content, 0);
    scratch_text(name, text);
    free(text);
}

static tw_tokenizer *open_in(const char *path)
{
    tw_tokenizer *tokenizer = tw_tokenizer_open(path);
    if (!tokenizer)
        fail_msg("%s", tw_error());
    return tokenizer;
}

static void check_text(const tw_tokenizer *t, const char *name, const json_t *text,
                       const json_t *expected, const json_t *decoded)
{
    const char *line = json_string_value(text);
    tw_ids ids = {0};
    assert_int_equal(0, tw_tokenizer_encode(t, line, strlen(line), &ids));
    for (size_t i = 0; i < ids.count || i < json_array_size(expected); i++)
        if (i >= ids.count || ids.ids[i] != json_integer_value(json_array_get(expected, i)))
            fail_msg("%s: '%s': token %zu of %zu differs (expected %zu)", name, line, i, ids.count,
                     json_array_size(expected));
    char *back = tw_tokenizer_decode(t, ids.ids, ids.count);
    if (strcmp(back, json_string_value(decoded)) != 0)
        fail_msg("%s: '%s': '%s', expected '%s'", name, line, back, json_string_value(decoded));
    free(back);
    free(ids.ids);
}

static void check_case(const tw_tokenizer *t, const json_t *one)
{
    static const char *const names[] = {"bos_token", "eos_token", "pad_token"};
    const int32_t ids[] = {tw_tokenizer_bos(t), tw_tokenizer_eos(t), tw_tokenizer_pad(t)};
    const char *name = json_string_value(field(one, "name"));
    const json_t *text;
    size_t i;
    if (tw_tokenizer_size(t) != json_integer_value(field(one, "size")))
        fail_msg("%s: size %d", name, (int)tw_tokenizer_size(t));
    json_array_foreach(field(recorded, "lines"), i, text)
    {
        check_text(t, name, text, json_array_get(field(one, "ids"), i),
                   json_array_get(field(one, "decoded"), i));
    }
    for (i = 0; i < sizeof ids / sizeof *ids; i++) {
        const json_t *role = json_object_get(field(one, "roles"), names[i]);
        if (role && json_integer_value(role) != ids[i])
            fail_msg("%s: %s is %d", name, names[i], (int)ids[i]);
    }
}

/* Opened, saved and opened again. */
static void adds_as_transformers(void **state)
{
    (void)state;
    const json_t *one;
    size_t i;
    assert_true(json_array_size(field(recorded, "cases")) >= 17);
    json_array_foreach(field(recorded, "cases"), i, one)
    {
        char *folder = tw_format("saved-%zu", i);
        copy_tokenizer(json_string_value(field(one, "tokenizer")));
        put_file("tokenizer_config.json", field(one, "config"));
        put_file("special_tokens_map.json", field(one, "map"));
        tw_tokenizer *first = open_in(".");
        check_case(first, one);
        assert_int_equal(0, mkdir(folder, 0777));
        assert_int_equal(0, tw_tokenizer_save(first, folder));
        tw_tokenizer *second = open_in(folder);
        /* One that had none gets a description, and its pieces with the usual names are special. */
        if (!json_is_null(field(one, "config")))
            check_case(second, one);
        assert_int_equal(tw_tokenizer_size(first), tw_tokenizer_size(second));
        assert_true(tw_tokenizer_digest(first) == tw_tokenizer_digest(second));
        tw_tokenizer_free(second);
        tw_tokenizer_free(first);
        free(folder);
    }
}

/* Guidance learned with other tokens than the policy has is told by that. */
static void new_tokens_are_in_the_digest(void **state)
{
    (void)state;
    static const char *const configs[] = {"{}", "{\"eos_token\":\"<one>\"}",
                                          "{\"eos_token\":\"<two>\"}",
                                          "{\"eos_token\":\"<|endoftext|>\"}"};
    uint64_t digests[4];
    copy_tokenizer("gpt2");
    for (size_t i = 0; i < 4; i++) {
        scratch_text("tokenizer_config.json", configs[i]);
        tw_tokenizer *tokenizer = open_in(".");
        digests[i] = tw_tokenizer_digest(tokenizer);
        tw_tokenizer_free(tokenizer);
    }
    assert_true(digests[0] != digests[1]);
    assert_true(digests[0] != digests[2]);
    assert_true(digests[1] != digests[2]);
    assert_true(digests[0] == digests[3]);
}

/* What GPT-2's alphabet does not spell, or not to its end, stands for itself (and is freed). */
static void tokens_may_be_any_text(void **state)
{
    (void)state;
    static const char *const texts[] = {"<a b>", "\xE6\x97\xA5", "x\xE6\x97\xA5", " "};
    copy_tokenizer("gpt2");
    scratch_text("tokenizer_config.json",
                 "{\"additional_special_tokens\":[\"<a b>\",\"\\u65e5\",\"x\\u65e5\",\" \"]}");
    tw_tokenizer *tokenizer = open_in(".");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const int32_t id = tw_tokenizer_find(tokenizer, texts[i]);
        tw_ids ids = {0};
        assert_string_equal(texts[i], tw_tokenizer_piece(tokenizer, id));
        assert_int_equal(0, tw_tokenizer_encode(tokenizer, texts[i], strlen(texts[i]), &ids));
        assert_int_equal(1, ids.count);
        assert_int_equal(id, ids.ids[0]);
        free(ids.ids);
    }
    tw_tokenizer_free(tokenizer);
}

/* Files of older versions. */
static void reads_added_tokens(void **state)
{
    (void)state;
    copy_tokenizer("gpt2");
    scratch_text("tokenizer_config.json", "{\"eos_token\":\"<one>\"}");
    tw_tokenizer *tokenizer = open_in(".");
    const int32_t first = tw_tokenizer_find(tokenizer, "<one>");
    const int32_t tag = tw_tokenizer_find(tokenizer, "<tag>");
    tw_tokenizer_free(tokenizer);
    char *text = tw_format("{\"<two>\":%d,\"<one>\":%d,\"<tag>\":%d}", first + 1, first, tag);
    scratch_text("added_tokens.json", text);
    tokenizer = open_in(".");
    assert_int_equal(first, tw_tokenizer_eos(tokenizer));
    assert_int_equal(first + 1, tw_tokenizer_find(tokenizer, "<two>"));
    assert_int_equal(first + 2, tw_tokenizer_size(tokenizer));
    tw_tokenizer_free(tokenizer);
    free(text);
}

static void refuses_contradictions(void **state)
{
    (void)state;
    static const struct {
        const char *file, *content, *message;
    } cases[] = {
        {"tokenizer_config.json", "{\"added_tokens_decoder\":{\"7\":{\"content\":\"<tag>\"}}}",
         "tokenizer_config.json: added_tokens_decoder: 7: '<tag>' has id 420"},
        {"tokenizer_config.json", "{\"added_tokens_decoder\":{\"7\":{\"content\":\"the\"}}}",
         "added_tokens_decoder: 7: 'the' has id "},
        {"tokenizer_config.json", "{\"added_tokens_decoder\":{\"900\":{\"content\":\"<new>\"}}}",
         "added_tokens_decoder: 900: '<new>' has id 425, which is the next"},
        {"tokenizer_config.json",
         "{\"added_tokens_decoder\":{\"425\":{\"content\":\"<new>\"},"
         "\"426\":{\"content\":\"<new>\"}}}",
         "added_tokens_decoder: 426: '<new>' has id 425"},
        {"tokenizer_config.json", "{\"added_tokens_decoder\":[]}",
         "tokenizer_config.json: added_tokens_decoder: expected an object"},
        {"tokenizer_config.json", "{\"added_tokens_decoder\":{\"x\":{\"content\":\"y\"}}}",
         "added_tokens_decoder: x: expected a token"},
        {"tokenizer_config.json", "{\"added_tokens_decoder\":{\"425\":{\"content\":\"\"}}}",
         "added_tokens_decoder: 425: expected a token"},
        {"tokenizer_config.json",
         "{\"added_tokens_decoder\":{\"425\":{\"content\":\"y\",\"lstrip\":1}}}",
         "added_tokens_decoder: 425: lstrip: expected true or false"},
        {"tokenizer_config.json", "{\"additional_special_tokens\":\"<x>\"}",
         "tokenizer_config.json: additional_special_tokens: expected a list"},
        {"tokenizer_config.json", "{\"additional_special_tokens\":[7]}",
         "tokenizer_config.json: additional_special_tokens: expected a token"},
        {"tokenizer_config.json", "{\"bos_token\":{\"content\":\"<x>\",\"special\":0}}",
         "tokenizer_config.json: bos_token: special: expected true or false"},
        {"tokenizer_config.json", "{\"split_special_tokens\":\"no\"}",
         "tokenizer_config.json: split_special_tokens: expected true or false"},
        {"special_tokens_map.json", "{\"eos_token\":true}",
         "special_tokens_map.json: eos_token: expected a token"},
        {"added_tokens.json", "{\"<tag>\":430}", "added_tokens.json: <tag>: '<tag>' has id 420"},
        {"added_tokens.json", "{\"<new>\":\"x\"}", "added_tokens.json: <new>: expected an id"},
    };
    copy_tokenizer("gpt2");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        scratch_text(cases[i].file, cases[i].content);
        tw_tokenizer *tokenizer = tw_tokenizer_open(".");
        if (tokenizer)
            fail_msg("case %zu is accepted: %s", i, cases[i].content);
        if (!strstr(tw_error(), cases[i].message))
            fail_msg("'%s' should contain '%s'", tw_error(), cases[i].message);
        unlink(cases[i].file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(adds_as_transformers, scratch_enter, scratch_leave),
        cmocka_unit_test_setup_teardown(new_tokens_are_in_the_digest, scratch_enter, scratch_leave),
        cmocka_unit_test_setup_teardown(tokens_may_be_any_text, scratch_enter, scratch_leave),
        cmocka_unit_test_setup_teardown(reads_added_tokens, scratch_enter, scratch_leave),
        cmocka_unit_test_setup_teardown(refuses_contradictions, scratch_enter, scratch_leave),
    };
    home = getcwd(NULL, 0);
    recorded = json_load_file("tests/fixtures/config-tokens.json", 0, NULL);
    int failed = recorded ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
    json_decref(recorded);
    free(home);
    return failed;
}
