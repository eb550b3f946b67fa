/* Tokenizers against what Python's sentencepiece records (tests/oracle/tokenizer.py). */

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
#include "core/file.h"
#include "core/memory.h"
#include "recorded.h"
#include "recorded_tokenizers.h"
#include "text/charsmap.h"
#include "text/utf8.h"

#define FIXTURES "tests/fixtures/"

static const char *const vocabularies[] = {"unigram/spiece.model", "bpe/tokenizer.model"};
enum { VOCABULARIES = sizeof vocabularies / sizeof *vocabularies };

static void encodes_as_reference(void **state)
{
    (void)state;
    json_t *all = load_recorded(FIXTURES "tokenizer.json");
    for (size_t v = 0; v < VOCABULARIES; v++) {
        tw_tokenizer *tokenizer = open_tokenizer(FIXTURES, vocabularies[v]);
        const json_t *lines = field(field(all, vocabularies[v]), "encode"), *line;
        size_t k;
        assert_true(json_array_size(lines) >= 200);
        json_array_foreach(lines, k, line)
        {
            const json_t *ids = field(line, "ids");
            check_encoded(tokenizer, vocabularies[v], k, field(line, "text"), ids);
            check_decoded(tokenizer, vocabularies[v], k, ids, field(line, "decoded"));
        }
        tw_tokenizer_free(tokenizer);
    }
    json_decref(all);
}

static void decodes_as_reference(void **state)
{
    (void)state;
    json_t *all = load_recorded(FIXTURES "tokenizer.json");
    for (size_t v = 0; v < VOCABULARIES; v++) {
        tw_tokenizer *tokenizer = open_tokenizer(FIXTURES, vocabularies[v]);
        const json_t *lines = field(field(all, vocabularies[v]), "decode"), *line;
        size_t k;
        json_array_foreach(lines, k, line)
        {
            check_decoded(tokenizer, vocabularies[v], k, field(line, "ids"),
                          field(line, "decoded"));
        }
        tw_tokenizer_free(tokenizer);
    }
    json_decref(all);
}

static void knows_its_pieces(void **state)
{
    (void)state;
    json_t *all = load_recorded(FIXTURES "tokenizer.json");
    uint64_t digests[VOCABULARIES];
    for (size_t v = 0; v < VOCABULARIES; v++) {
        tw_tokenizer *tokenizer = open_tokenizer(FIXTURES, vocabularies[v]);
        const json_t *model = json_object_get(all, vocabularies[v]);
        int32_t size = (int32_t)json_integer_value(json_object_get(model, "size"));
        assert_int_equal(size, tw_tokenizer_size(tokenizer));
        assert_int_equal(json_integer_value(json_object_get(model, "bos")),
                         tw_tokenizer_bos(tokenizer));
        assert_int_equal(json_integer_value(json_object_get(model, "eos")),
                         tw_tokenizer_eos(tokenizer));
        const json_t *pieces = json_object_get(model, "pieces");
        for (int32_t id = 0; id < size; id++)
            assert_string_equal(json_string_value(json_array_get(pieces, (size_t)id)),
                                tw_tokenizer_piece(tokenizer, id));
        assert_null(tw_tokenizer_piece(tokenizer, -1));
        assert_null(tw_tokenizer_piece(tokenizer, size));
        digests[v] = tw_tokenizer_digest(tokenizer);
        tw_tokenizer_free(tokenizer);
    }
    assert_true(digests[0] != digests[1]);
    json_decref(all);
}

/* Cut anywhere, a generation decodes to UTF-8. */
static void decodes_every_prefix(void **state)
{
    (void)state;
    tw_tokenizer *tokenizer = open_tokenizer(FIXTURES, "unigram");
    const char text[] = "a😀日本👩‍👩‍👧‍👦 mixed \xC3\xA9 with café";
    tw_ids ids = {0};
    assert_int_equal(0, tw_tokenizer_encode(tokenizer, text, strlen(text), &ids));
    for (size_t first = 0; first <= ids.count; first++)
        for (size_t last = first; last <= ids.count; last++) {
            char *part = tw_tokenizer_decode(tokenizer, ids.ids + first, last - first);
            assert_non_null(part);
            assert_true(tw_utf8_valid(part, strlen(part)));
            free(part);
        }
    free(ids.ids);
    tw_tokenizer_free(tokenizer);
}

static void refuses_foreign_ids(void **state)
{
    (void)state;
    tw_tokenizer *tokenizer = open_tokenizer(FIXTURES, "unigram");
    assert_null(tw_tokenizer_decode(tokenizer, (int32_t[]){5, 509}, 2));
    assert_string_equal(tw_error(),
                        "cannot decode token 1: id 509 is not in the vocabulary of 509");
    assert_null(tw_tokenizer_decode(tokenizer, (int32_t[]){-1}, 1));
    tw_tokenizer_free(tokenizer);
}

/* Invalid UTF-8 and NUL bytes are text of a kind: no failure, no crash. */
static void survives_any_bytes(void **state)
{
    (void)state;
    tw_tokenizer *tokenizer = open_tokenizer(FIXTURES, "unigram");
    char bytes[256];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 167);
    tw_ids ids = {0};
    assert_int_equal(0, tw_tokenizer_encode(tokenizer, bytes, sizeof bytes, &ids));
    assert_true(ids.count > 0);
    free(ids.ids);
    assert_int_equal(0, tw_tokenizer_encode(tokenizer, "", 0, &ids));
    assert_int_equal(0, ids.count);
    free(ids.ids);
    tw_tokenizer_free(tokenizer);
}

static void expect_refused(const char *path, const char *message)
{
    assert_null(tw_tokenizer_open(path));
    if (!strstr(tw_error(), message))
        fail_msg("'%s' should contain '%s'", tw_error(), message);
}

static void refuses_what_is_no_tokenizer(void **state)
{
    (void)state;
    char folder[] = "/tmp/test_tokenizer.XXXXXX";
    assert_non_null(mkdtemp(folder));
    char *file = tw_join_path(folder, "tokenizer.json");
    char *model = tw_join_path(folder, "spiece.model");
    expect_refused("tests/fixtures/none", "tests/fixtures/none: No such file");
    expect_refused(folder, "no tokenizer: looked for spiece.model and tokenizer.model");
    assert_int_equal(0, tw_write_file(file, "{}", 2));
    expect_refused(folder, "tokenizer.json: model: expected an object");
    expect_refused(file, "tokenizer.json: model: expected an object");
    unlink(file);
    assert_int_equal(0, tw_write_file(model, "", 0));
    expect_refused(folder, "spiece.model: not a valid SentencePiece model");
    expect_refused(model, "spiece.model: not a valid SentencePiece model");

    size_t size = 0;
    char *bytes = tw_read_file(FIXTURES "unigram/spiece.model", 1 << 20, &size);
    assert_non_null(bytes);
    assert_int_equal(0, tw_write_file(model, bytes, size / 2));
    expect_refused(model, "spiece.model: not a valid SentencePiece model");
    unlink(model);
    assert_int_equal(0, mkdir(model, 0777));
    expect_refused(folder, "is a folder, expected a file");
    rmdir(model);
    rmdir(folder);
    free(bytes);
    free(model);
    free(file);
}

static void expect_same_file(const char *a, const char *b)
{
    size_t size_a = 0, size_b = 0;
    char *bytes_a = tw_read_file(a, 1 << 20, &size_a), *bytes_b = tw_read_file(b, 1 << 20, &size_b);
    assert_non_null(bytes_a);
    assert_non_null(bytes_b);
    assert_int_equal(size_a, size_b);
    assert_memory_equal(bytes_a, bytes_b, size_a);
    free(bytes_a);
    free(bytes_b);
}

/* A bare vocabulary gets a description; files already there travel as they are. */
static void saves_its_files(void **state)
{
    (void)state;
    char folder[] = "/tmp/test_tokenizer.XXXXXX", again[] = "/tmp/test_tokenizer.XXXXXX";
    assert_non_null(mkdtemp(folder));
    assert_non_null(mkdtemp(again));
    char *model = tw_join_path(folder, "spiece.model");
    char *config = tw_join_path(folder, "tokenizer_config.json");
    char *model_again = tw_join_path(again, "spiece.model");
    char *config_again = tw_join_path(again, "tokenizer_config.json");

    tw_tokenizer *tokenizer = open_tokenizer(FIXTURES, "bpe/tokenizer.model");
    assert_int_equal(0, tw_tokenizer_save(tokenizer, folder));
    expect_same_file(FIXTURES "bpe/tokenizer.model", model);
    json_t *json = json_load_file(config, 0, NULL);
    assert_string_equal("BertGenerationTokenizer",
                        json_string_value(json_object_get(json, "tokenizer_class")));
    assert_string_equal("</s>", json_string_value(json_object_get(json, "eos_token")));
    assert_true(json_is_null(json_object_get(json, "sep_token")));
    json_decref(json);

    static const char own[] = "{\"tokenizer_class\": \"T5Tokenizer\", \"extra_ids\": 0}";
    assert_int_equal(0, tw_write_file(config, own, strlen(own)));
    tw_tokenizer *reopened = tw_tokenizer_open(folder);
    assert_non_null(reopened);
    assert_int_equal(0, tw_tokenizer_save(reopened, again));
    expect_same_file(model, model_again);
    expect_same_file(config, config_again);
    assert_true(tw_tokenizer_digest(tokenizer) == tw_tokenizer_digest(reopened));

    char *files[] = {model, config, model_again, config_again};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        unlink(files[i]);
        free(files[i]);
    }
    rmdir(folder);
    rmdir(again);
    assert_int_equal(-1, tw_tokenizer_save(tokenizer, folder));
    tw_tokenizer_free(reopened);
    tw_tokenizer_free(tokenizer);
}

/* A model file of nothing but a normalizer_spec with a precompiled_charsmap: a trie
 * of 256 units, then replacements. The caller frees. */
enum { UNITS = 256, HEAD = 8, TAIL = 4, WHOLE = HEAD + 4 + 4 * UNITS + TAIL };

static char *make_charsmap(uint32_t root, uint32_t other, const char replacements[TAIL])
{
    static const uint8_t head[HEAD] = {0x1A, 0x8C, 0x88, 0x00, 0x12, 0x88, 0x88, 0x00};
    uint32_t words[1 + UNITS] = {4 * UNITS, root, other};
    char *bytes = tw_alloc(WHOLE, 1);
    memcpy(bytes, head, HEAD);
    memcpy(bytes + HEAD, words, sizeof words);
    memcpy(bytes + WHOLE - TAIL, replacements, TAIL);
    return bytes;
}

static void refuses_wild_normalisation(void **state)
{
    (void)state;
    static const struct {
        uint32_t root, other;
        const char *replacements, *message;
    } cases[] = {
        {0, 0, "abc", NULL},
        {0, 0x80000FFF, "abc", NULL},              /* a leaf's value is no offset */
        {0, 3U << 10 | 1U << 8, "abc", NULL},      /* leaf at 1 ^ 3, value 0 */
        {1U << 18, 0, "abc", "points outside"},    /* offset 256 of 256 units */
        {0, 1U << 18, "abc", "points outside"},    /* not the root's */
        {1U << 10 | 1U << 9, 0, "abc", "points "}, /* the same in 256s */
        {0x80000000 | 1U << 18, 0, "abc", "points outside"},
        {1U << 10 | 1U << 8, 0x80000004, "abc", "points outside"}, /* leaf at 1, value 4 of 4 */
        {1U << 10 | 1U << 8, 0x80000003, "abc", NULL},
        {0, 0, "abcd", "points outside"}, /* no NUL at the end */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *bytes = make_charsmap(cases[i].root, cases[i].other, cases[i].replacements);
        int status = tw_charsmap_check(bytes, WHOLE);
        if (!cases[i].message)
            assert_int_equal(0, status);
        else if (status == 0 || !strstr(tw_error(), cases[i].message))
            fail_msg("case %zu: '%s' should contain '%s'", i, tw_error(), cases[i].message);
        free(bytes);
    }
    char *bytes = make_charsmap(0, 0, "abc");
    for (size_t cut = 1; cut < WHOLE; cut++)
        assert_int_equal(-1, tw_charsmap_check(bytes, cut));
    bytes[HEAD + 1] = 5; /* 1280 bytes of trie in 1032 */
    assert_int_equal(-1, tw_charsmap_check(bytes, WHOLE));
    assert_non_null(strstr(tw_error(), "has a wrong size"));
    free(bytes);
}

static void tells_utf8(void **state)
{
    (void)state;
    static const char *const good[] = {"", "a", "\xC2\x80", "\xED\x9F\xBF", "\xF4\x8F\xBF\xBF"};
    static const char *const bad[] = {"\x80",         "\xC1\x81",         "\xE0\x9F\xBF",
                                      "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80",
                                      "\xF5\x80",     "\xE2\x82",         "\xC3(",
                                      "\xE2(\xA1",    "\xF0\x9F\x98"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(tw_utf8_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(tw_utf8_valid(bad[i], strlen(bad[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_as_reference),
        cmocka_unit_test(decodes_as_reference),
        cmocka_unit_test(knows_its_pieces),
        cmocka_unit_test(decodes_every_prefix),
        cmocka_unit_test(refuses_foreign_ids),
        cmocka_unit_test(survives_any_bytes),
        cmocka_unit_test(saves_its_files),
        cmocka_unit_test(refuses_what_is_no_tokenizer),
        cmocka_unit_test(refuses_wild_normalisation),
        cmocka_unit_test(tells_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
