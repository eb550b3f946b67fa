/* What tokenizers put around a text: post-processors, classes that add tokens, prompts. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "scratch.h"
#include "text/prompt.h"
#include "text/tokenizer.h"

#define MODEL                                                                                      \
    "\"model\":{\"type\":\"BPE\",\"vocab\":{\"<s>\":0,\"</s>\":1,\"a\":2,\"b\":3,\"ab\":4},"       \
    "\"merges\":[\"a b\"]}"
#define TEXT "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}"
#define TOKEN(name) "{\"SpecialToken\":{\"id\":\"" name "\",\"type_id\":0}}"
#define TOKENS                                                                                     \
    "\"special_tokens\":{\"<s>\":{\"id\":\"<s>\",\"ids\":[0],\"tokens\":[\"<s>\"]},"               \
    "\"x\":{\"id\":\"x\",\"ids\":[2,3],\"tokens\":[\"a\",\"b\"]}}"
#define TEMPLATE(single) "{\"type\":\"TemplateProcessing\",\"single\":[" single "]," TOKENS "}"
#define ROBERTA "{\"type\":\"RobertaProcessing\",\"sep\":[\"</s>\",1],\"cls\":[\"<s>\",0]}"
#define BYTES "{\"type\":\"ByteLevel\",\"trim_offsets\":true}"
#define SEQUENCE(parts) "{\"type\":\"Sequence\",\"processors\":[" parts "]}"

static tw_tokenizer *open_with(const char *processor)
{
    char *json = tw_format("{" MODEL ",\"post_processor\":%s}", processor);
    scratch_text("tokenizer.json", json);
    free(json);
    return tw_tokenizer_open(".");
}

/* As "before|after". */
static void check(const tw_tokenizer *tokenizer, const char *expected)
{
    const tw_ids *before = tw_tokenizer_before(tokenizer), *after = tw_tokenizer_after(tokenizer);
    char found[64] = "";
    size_t at = 0;
    for (size_t i = 0; i < before->count; i++)
        found[at++] = (char)('0' + before->ids[i]);
    found[at++] = '|';
    for (size_t i = 0; i < after->count; i++)
        found[at++] = (char)('0' + after->ids[i]);
    assert_string_equal(expected, found);
}

static void reads_post_processors(void **state)
{
    (void)state;
    static const struct {
        const char *processor, *affixes;
    } cases[] = {
        {"null", "|"},
        {BYTES, "|"},
        {ROBERTA, "0|1"},
        {"{\"type\":\"BertProcessing\",\"sep\":[\"</s>\",1],\"cls\":[\"b\",3]}", "3|1"},
        {TEMPLATE(TOKEN("<s>") "," TEXT), "0|"},
        {TEMPLATE(TEXT), "|"},
        {TEMPLATE(TOKEN("<s>") "," TOKEN("x") "," TEXT "," TOKEN("x") "," TOKEN("<s>")), "023|230"},
        {SEQUENCE(BYTES "," TEMPLATE(TOKEN("<s>") "," TEXT)), "0|"},
        /* Each goes around what those before it made. */
        {SEQUENCE(TEMPLATE(TOKEN("x") "," TEXT) "," ROBERTA), "023|1"},
        {SEQUENCE(SEQUENCE(ROBERTA) "," TEMPLATE(TEXT "," TOKEN("x"))), "0|123"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tw_tokenizer *tokenizer = open_with(cases[i].processor);
        if (!tokenizer)
            fail_msg("%s: %s", cases[i].processor, tw_error());
        check(tokenizer, cases[i].affixes);
        tw_tokenizer_free(tokenizer);
    }
}

static void refuses_post_processors(void **state)
{
    (void)state;
    static const struct {
        const char *processor, *message;
    } cases[] = {
        {"{\"type\":\"Other\"}", "post_processor: type: 'Other' is not supported"},
        {"{\"type\":\"RobertaProcessing\",\"sep\":[\"</s>\",1]}", "cls: expected an id below 5"},
        {"{\"type\":\"BertProcessing\",\"sep\":[\"x\",5],\"cls\":[\"y\",1]}",
         "sep: expected an id below 5"},
        {TEMPLATE(TOKEN("<s>")), "single: expected a list with the Sequence A"},
        {TEMPLATE(TEXT "," TEXT), "single: [1]: expected one Sequence, A"},
        {TEMPLATE(TEXT ",\"</s>\""), "single: [1]: expected a SpecialToken"},
        {TEMPLATE(TEXT "," TOKEN("y")), "special_tokens: y: ids: expected a list"},
        {SEQUENCE(BYTES ",{}"), "processors[1]: type: ''"},
        {SEQUENCE(SEQUENCE(SEQUENCE(SEQUENCE(SEQUENCE(BYTES))))), "at most 4 deep"},
        {"{\"type\":\"Sequence\"}", "processors: expected a list"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_null(open_with(cases[i].processor));
        if (!strstr(tw_error(), cases[i].message))
            fail_msg("'%s' should contain '%s'", tw_error(), cases[i].message);
    }
}

/* Classes of Llama's kind go by their own fields. */
static void heeds_the_class(void **state)
{
    (void)state;
    static const struct {
        const char *config, *affixes; /* NULL: refused */
    } cases[] = {
        {"{\"tokenizer_class\":\"LlamaTokenizer\"}", "0|"},
        {"{\"tokenizer_class\":\"LlamaTokenizerFast\",\"add_bos_token\":false}", "|"},
        {"{\"tokenizer_class\":\"LlamaTokenizer\",\"add_eos_token\":true}", "0|1"},
        {"{\"tokenizer_class\":\"GemmaTokenizer\",\"bos_token\":{\"content\":\"a\"}}", "2|"},
        {"{\"tokenizer_class\":\"PreTrainedTokenizerFast\",\"add_bos_token\":true}", "0|1"},
        {"{\"tokenizer_class\":\"LlamaTokenizer\",\"bos_token\":null}", NULL},
        {"{\"tokenizer_class\":\"LlamaTokenizer\",\"add_bos_token\":3}", NULL},
    };
    tw_tokenizer_free(open_with(ROBERTA));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        scratch_text("tokenizer_config.json", cases[i].config);
        tw_tokenizer *tokenizer = tw_tokenizer_open(".");
        if (!tokenizer != !cases[i].affixes)
            fail_msg("%s: %s", cases[i].config, tw_error());
        if (tokenizer)
            check(tokenizer, cases[i].affixes);
        else
            assert_non_null(strstr(tw_error(), "tokenizer_config.json: add_bos_token: "));
        tw_tokenizer_free(tokenizer);
    }
}

/* vocab.json and merges.txt have no post-processor: their class stands for one. */
static void heeds_the_class_of_merges(void **state)
{
    (void)state;
    static const struct {
        const char *config, *affixes;
    } cases[] = {
        {"{\"tokenizer_class\":\"GPT2Tokenizer\",\"bos_token\":\"<s>\"}", "|"},
        {"{\"tokenizer_class\":\"GPT2Tokenizer\",\"bos_token\":\"<s>\",\"add_bos_token\":true}",
         "0|"},
        {"{\"tokenizer_class\":\"RobertaTokenizer\"}", "0|1"},
        {"{\"tokenizer_class\":\"RobertaTokenizer\",\"cls_token\":{\"content\":\"a\"}}", "2|1"},
        {"{\"tokenizer_class\":\"Qwen2Tokenizer\"}", "|"},
        {"{\"model_max_length\":1000000000000000019884624838656}", "|"},
    };
    scratch_text("vocab.json", "{\"<s>\":0,\"</s>\":1,\"a\":2,\"b\":3,\"ab\":4}");
    scratch_text("merges.txt", "#version: 0.2\na b\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        scratch_text("tokenizer_config.json", cases[i].config);
        tw_tokenizer *tokenizer = tw_tokenizer_open(".");
        if (!tokenizer)
            fail_msg("%s: %s", cases[i].config, tw_error());
        check(tokenizer, cases[i].affixes);
        tw_tokenizer_free(tokenizer);
    }
}

static void check_prompt(const tw_prompt_rules *rules, const char *text, size_t limit,
                         const char *expected)
{
    tw_ids ids = {0};
    char found[16] = "";
    int status = tw_prompt_encode(rules, text, limit, &ids);
    for (size_t i = 0; i < ids.count; i++)
        found[i] = (char)('0' + ids.ids[i]);
    free(ids.ids);
    assert_string_equal(expected, status < 0 ? "refused" : found);
}

/* What comes before a text does; what goes behind it would end it. */
static void prompts_begin_as_the_files_say(void **state)
{
    (void)state;
    tw_tokenizer *tokenizer = open_with(ROBERTA);
    tw_prompt_rules rules = {.tokenizer = tokenizer, .start = 3};
    check_prompt(&rules, "aba", 9, "042");
    check_prompt(&rules, "aba", 2, "04");
    check_prompt(&rules, "", 9, "0");
    rules.strict = true;
    check_prompt(&rules, "aba", 3, "042");
    check_prompt(&rules, "aba", 2, "refused");
    tw_tokenizer_free(tokenizer);
    tokenizer = open_with("null");
    rules = (tw_prompt_rules){.tokenizer = tokenizer, .start = 3};
    check_prompt(&rules, "aba", 9, "42");
    check_prompt(&rules, "", 9, "3");
    rules.prefix = "b";
    check_prompt(&rules, "", 9, "3");
    check_prompt(&rules, "ab", 9, "34");
    rules = (tw_prompt_rules){.tokenizer = tokenizer, .start = -1};
    check_prompt(&rules, "", 9, "refused");
    tw_tokenizer_free(tokenizer);
}

/* What is cut is the text's, on the side that is chosen; what surrounds it stays. */
static void prompts_are_cut_where_it_is_said(void **state)
{
    (void)state;
    tw_tokenizer *tokenizer = open_with(ROBERTA);
    tw_prompt_rules rules = {.tokenizer = tokenizer, .start = 3, .eos = 7};
    const char *text = "bbaaabb";
    check_prompt(&rules, text, 9, "0332243");
    check_prompt(&rules, text, 5, "03322");
    rules.truncate = TW_TRUNCATE_LEFT;
    check_prompt(&rules, text, 5, "02243");
    rules.truncate = TW_TRUNCATE_MIDDLE;
    check_prompt(&rules, text, 5, "03343");
    rules.closed = true;
    check_prompt(&rules, text, 5, "03337");
    check_prompt(&rules, text, 1, "7");
    tw_tokenizer_free(tokenizer);
}

static void affixes_stay(void **state)
{
    (void)state;
    tw_tokenizer *tokenizer = open_with("null");
    tw_prompt_rules rules = {.tokenizer = tokenizer, .prefix = "b", .suffix = "aa", .start = 3};
    const char *text = "ababbaab";
    check_prompt(&rules, text, 8, "34432422");
    check_prompt(&rules, text, 6, "344322");
    rules.truncate = TW_TRUNCATE_LEFT;
    check_prompt(&rules, text, 6, "332422");
    rules.truncate = TW_TRUNCATE_MIDDLE;
    check_prompt(&rules, text, 6, "344422");
    check_prompt(&rules, text, 4, "3422");
    check_prompt(&rules, text, 3, "refused");
    /* A prefix alone may be cut itself. */
    rules = (tw_prompt_rules){.tokenizer = tokenizer, .prefix = "bbb", .start = 3};
    check_prompt(&rules, text, 2, "33");
    tw_tokenizer_free(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_post_processors, scratch_enter, scratch_leave),
        cmocka_unit_test_setup_teardown(refuses_post_processors, scratch_enter, scratch_leave),
        cmocka_unit_test_setup_teardown(heeds_the_class, scratch_enter, scratch_leave),
        cmocka_unit_test_setup_teardown(heeds_the_class_of_merges, scratch_enter, scratch_leave),
        cmocka_unit_test_setup_teardown(prompts_begin_as_the_files_say, scratch_enter,
                                        scratch_leave),
        cmocka_unit_test_setup_teardown(prompts_are_cut_where_it_is_said, scratch_enter,
                                        scratch_leave),
        cmocka_unit_test_setup_teardown(affixes_stay, scratch_enter, scratch_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
