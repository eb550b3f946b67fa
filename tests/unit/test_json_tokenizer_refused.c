/* What no tokenizer.json may say: one message each, which names the field. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "scratch.h"
#include "text/charsmap.h"
#include "text/json-tokenizer.h"
#include "text/tokenizer.h"

#define MODEL "{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"]}"

#define UNIGRAM(unknown, more)                                                                     \
    "{\"type\":\"Unigram\",\"unk_id\":" unknown                                                    \
    ",\"vocab\":[[\"a\",-1],[\"b\",-2.5],[\"ab\",-3]]" more "}"
#define CHARSMAP(base64) "{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"" base64 "\"}"
#define NESTED(inner) "{\"type\":\"Sequence\",\"normalizers\":[" inner "]}"

/* A tokenizer.json that is sound, but for one field. */
static json_t *with(const char *key, const char *value)
{
    json_t *json = json_loads("{\"model\":" MODEL "}", 0, NULL);
    json_t *field = json_loads(value, JSON_DECODE_ANY, NULL);
    if (!json || !field)
        fail_msg("not JSON: %s", value);
    json_object_set_new(json, key, field);
    return json;
}

static const struct {
    const char *key, *value, *message; /* NULL: it is accepted */
} cases[] = {
    {"model", MODEL, NULL},
    {"model", "[]", "model: expected an object"},
    {"model", "{\"type\":\"WordPiece\"}", "model: type: 'WordPiece' is not supported"},
    {"model", "{\"type\":\"BPE\"}", "model: vocab: expected an object"},
    {"model", "{\"type\":\"BPE\",\"vocab\":{}}", "model: vocab: expected an object"},
    {"model", "{\"type\":\"BPE\",\"vocab\":{\"a\":\"x\"},\"merges\":[]}",
     "vocab: a: expected an id"},
    {"model", "{\"type\":\"BPE\",\"vocab\":{\"a\":-1},\"merges\":[]}", "vocab: a: id -1 is not"},
    {"model", "{\"type\":\"BPE\",\"vocab\":{\"a\":99999999},\"merges\":[]}", "id 99999999 is not"},
    {"model", "{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]}",
     "b: id 0 is also that of a"},
    {"model", "{\"type\":\"BPE\",\"vocab\":{\"\":0},\"merges\":[]}", "the piece of id 0 is empty"},
    {"model", "{\"type\":\"BPE\",\"vocab\":{\"a\":0}}", "model: merges: expected a list"},
    {"model", "{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[7]}", "merges[0]: expected two"},
    {"model", "{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[[\"a\"]]}",
     "merges[0]: expected two"},
    {"model", "{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a c\"]}",
     "merges[0]: 'c' is not"},
    {"model", "{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[[\"a\",\"a\"]]}",
     "'aa' is not in"},
    {"model", "{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[],\"dropout\":0.1}",
     "model: dropout:"},
    {"model", "{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[],\"fuse_unk\":3}",
     "model: fuse_unk: expected true"},
    {"model", "{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[],\"unk_token\":\"u\"}",
     "unk_token: 'u' is not"},
    {"model", "{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[],\"end_of_word_suffix\":\"w\"}",
     "end_of_word_suffix"},
    {"model", UNIGRAM("1", ""), NULL},
    {"model", UNIGRAM("null", ",\"byte_fallback\":true"), NULL},
    {"model", UNIGRAM("3", ""), "model: unk_id: expected an id below 3"},
    {"model", UNIGRAM("\"a\"", ""), "unk_id: expected an id below 3"},
    {"model", UNIGRAM("0", ",\"byte_fallback\":1"), "byte_fallback: expected true"},
    {"model", "{\"type\":\"Unigram\",\"vocab\":[]}", "model: vocab: expected a list"},
    {"model", "{\"type\":\"Unigram\",\"vocab\":{\"a\":0}}", "model: vocab: expected a list"},
    {"model", "{\"type\":\"Unigram\",\"vocab\":[[\"a\",0],[\"b\"]]}",
     "vocab: [1]: expected a piece and its score"},
    {"model", "{\"type\":\"Unigram\",\"vocab\":[[\"a\",\"b\"]]}", "vocab: [0]: expected a piece"},
    {"model", "{\"type\":\"Unigram\",\"vocab\":[[\"\",0]]}", "vocab: [0]: the piece of id 0"},
    {"normalizer", "{\"type\":\"BertNormalizer\"}", "normalizer: type: 'BertNormalizer' is not"},
    {"normalizer", "{\"type\":\"Nmt\"}", NULL},
    {"normalizer", "{\"type\":\"Precompiled\"}", "precompiled_charsmap: expected base64"},
    {"normalizer", CHARSMAP("!"), "precompiled_charsmap: expected base64"},
    {"normalizer", CHARSMAP("AAAAAAA"), "precompiled_charsmap has a wrong size"},
    {"normalizer", CHARSMAP("BAAAAAAAAAA="), "precompiled_charsmap points outside itself"},
    {"normalizer", "{\"type\":\"Replace\",\"pattern\":\" \",\"content\":\"\"}",
     "normalizer: pattern: expected a Regex or a String"},
    {"normalizer", "{\"type\":\"Replace\",\"pattern\":{\"String\":\"\"},\"content\":\"\"}",
     "pattern: expected a Regex or a String"},
    {"normalizer", "{\"type\":\"Strip\",\"strip_left\":\"no\"}", "strip_left: expected true"},
    {"normalizer", NESTED(NESTED(NESTED(NESTED(NESTED(NESTED(NESTED(NESTED(NESTED(""))))))))),
     "at most 8 deep"},
    {"normalizer", "{\"type\":\"Sequence\"}", "normalizer: normalizers: expected a list"},
    {"normalizer", "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{}]}",
     "normalizers[1]: type: ''"},
    {"pre_tokenizer", "{\"type\":\"Bert\"}", "pre_tokenizer: type: 'Bert' is not supported"},
    {"pre_tokenizer",
     "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(\"},\"behavior\":\"Isolated\"}",
     "pre_tokenizer: pattern: '(' is not a valid pattern (end pattern with"},
    {"pre_tokenizer",
     "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"[a[:^punct:]]\"},\"behavior\":\"Isolated\"}",
     "pattern: [:^punct:] is not supported in '[a[:^punct:]]'"},
    {"pre_tokenizer", "{\"type\":\"Split\",\"pattern\":{},\"behavior\":\"Isolated\"}",
     "pattern: expected a Regex"},
    {"pre_tokenizer", "{\"type\":\"Split\",\"pattern\":{\"String\":\" \"},\"behavior\":\"Mixed\"}",
     "behavior: 'Mixed'"},
    {"pre_tokenizer", "{\"type\":\"ByteLevel\",\"use_regex\":\"yes\"}",
     "use_regex: expected true or false"},
    {"decoder", "{\"type\":\"CTC\"}", "decoder: type: 'CTC' is not supported"},
    {"decoder", "{\"type\":\"Sequence\",\"decoders\":{}}", "decoder: decoders: expected a list"},
    {"decoder", "{\"type\":\"Strip\",\"content\":\"\"}", "decoder: content: expected"},
    {"added_tokens", "3", "added_tokens: expected a list"},
    {"added_tokens", "[{\"id\":3}]", "added_tokens: [0]: content: expected text"},
    {"added_tokens", "[{\"id\":3.5,\"content\":\"x\"}]", "[0]: id: expected an id"},
    {"added_tokens", "[{\"id\":3,\"content\":\"a\"}]", "id: 'a' has another id"},
    {"added_tokens", "[{\"id\":1,\"content\":\"x\"}]", "id: x: id 1 is also that of b"},
    {"added_tokens", "[{\"id\":3,\"content\":\"x\",\"single_word\":1}]", "single_word: expected"},
    {"decoder", "{\"type\":\"Replace\",\"pattern\":{},\"content\":\"\"}",
     "decoder: pattern: expected a Regex or a String"},
};

static void names_the_field(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *json = with(cases[i].key, cases[i].value);
        tw_json_tokenizer *tokenizer = tw_json_tokenizer_new(json, NULL);
        if (!tokenizer != (cases[i].message != NULL))
            fail_msg("case %zu: %s", i, cases[i].value);
        if (cases[i].message && !strstr(tw_error(), cases[i].message))
            fail_msg("'%s' should contain '%s'", tw_error(), cases[i].message);
        tw_json_tokenizer_free(tokenizer);
        json_decref(json);
    }
}

/* Each Replace may be harmless; together they would fill any memory. */
static void growth_is_bounded(void **state)
{
    (void)state;
    json_t *steps = json_array();
    for (int i = 0; i < 20; i++)
        json_array_append_new(steps,
                              json_loads("{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},"
                                         "\"content\":\"aaaaaaaaaa\"}",
                                         0, NULL));
    char *list = json_dumps(steps, 0);
    char *value = tw_format("{\"type\":\"Sequence\",\"normalizers\":%s}", list);
    json_t *json = with("normalizer", value);
    tw_json_tokenizer *tokenizer = tw_json_tokenizer_new(json, NULL);
    tw_ids ids = {0};
    assert_non_null(tokenizer);
    assert_int_equal(0, tw_json_tokenizer_encode(tokenizer, "bbb", 3, &ids));
    free(ids.ids);
    assert_int_equal(-1, tw_json_tokenizer_encode(tokenizer, "bab", 3, &ids));
    assert_non_null(strstr(tw_error(), "the normalizer makes more than"));
    tw_json_tokenizer_free(tokenizer);
    json_decref(json);
    json_decref(steps);
    free(value);
    free(list);
}

/* 4 bytes of the trie's size, 256 empty units, one replacement: 257 letters and a NUL. */
static void replacements_are_short(void **state)
{
    (void)state;
    enum { HEAD = 1028, LETTERS = 257 };
    char map[HEAD + LETTERS + 1] = {0, 4};
    memset(map + HEAD, 'a', LETTERS);
    assert_string_equal("precompiled_charsmap has a replacement of more than 256 bytes",
                        tw_charsmap_fault(map, sizeof map));
    map[HEAD] = '\0';
    assert_null(tw_charsmap_fault(map, sizeof map));
}

static void unknown_characters_need_an_id(void **state)
{
    (void)state;
    json_t *json = with("model", UNIGRAM("null", ""));
    tw_json_tokenizer *tokenizer = tw_json_tokenizer_new(json, NULL);
    tw_ids ids = {0};
    assert_int_equal(0, tw_json_tokenizer_encode(tokenizer, "abab", 4, &ids));
    assert_int_equal(2, ids.count);
    free(ids.ids);
    assert_int_equal(-1, tw_json_tokenizer_encode(tokenizer, "abc", 3, &ids));
    assert_string_equal("cannot tokenize: no piece spells 'c', and unk_id is null", tw_error());
    tw_json_tokenizer_free(tokenizer);
    json_decref(json);
}

static void expect_refused(const char *path, const char *message)
{
    assert_null(tw_tokenizer_open(path));
    if (!strstr(tw_error(), message))
        fail_msg("'%s' should contain '%s'", tw_error(), message);
}

static void names_the_file(void **state)
{
    (void)state;
    expect_refused(".", "no tokenizer: looked for spiece.model");
    scratch_text("merges.txt", "#version: 0.2\na b\n");
    expect_refused(".", "merges.txt is of no use without vocab.json");
    scratch_text("vocab.json", "{\"a\":0,\"b\":1,\"ab\":2}");
    tw_tokenizer *tokenizer = tw_tokenizer_open(".");
    assert_non_null(tokenizer);
    tw_tokenizer_free(tokenizer);
    scratch_text("merges.txt", "#version: 0.2\na b\na  b\n");
    expect_refused(".", "vocab.json: model: merges[1]: expected two pieces");
    scratch_text("merges.txt", "a \xFF\n");
    expect_refused("vocab.json", "merges.txt: line 1: expected two pieces");
    scratch_text("tokenizer_config.json", "{\"tokenizer_class\":\"BertTokenizer\"}");
    expect_refused(".", "tokenizer_config.json: tokenizer_class: BertTokenizer with vocab.json");
    scratch_text("tokenizer_config.json", "[]");
    expect_refused(".", "tokenizer_config.json: expected a JSON object");
    scratch_text("tokenizer.json", "{\"model\":");
    expect_refused(".", "tokenizer.json: not valid JSON (line 1");
    scratch_text("other", "{\"model\":[]}");
    expect_refused("other", "other: model: expected an object");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_field),
        cmocka_unit_test(growth_is_bounded),
        cmocka_unit_test(replacements_are_short),
        cmocka_unit_test(unknown_characters_need_an_id),
        cmocka_unit_test_setup_teardown(names_the_file, scratch_enter, scratch_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
