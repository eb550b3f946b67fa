/* Templates, verbalizers, shares of examples and the arithmetic of gaps: what a classifier that
 * judges prompts is made of. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above. */
#include <cmocka.h>

#include "core/error.h"
#include "metric/examples.h"
#include "metric/template.h"
#include "metric/verbalizers.h"
#include "metric/verdict.h"

static void check_fill(const char *source, const char *text, const char *prompt,
                       const char *expected, const char *head)
{
    tw_template *template = tw_template_parse(source);
    const tw_filling filling = {text, strlen(text), prompt};
    tw_bytes to = {0};
    assert_non_null(template);
    tw_template_fill(template, &filling, &to);
    char *filled = tw_bytes_take(&to);
    assert_string_equal(filled, expected);
    tw_template_head(template, &filling, &to);
    char *begin = tw_bytes_take(&to);
    assert_string_equal(begin, head);
    assert_int_equal(tw_template_masked(template), strstr(source, "<mask>") != NULL);
    free(filled);
    free(begin);
    tw_template_free(template);
}

static void test_fill(void **state)
{
    (void)state;
    check_fill("{text} {prompt} <mask> .", "a b", "x", "a b x <mask> .", "a b");
    check_fill("<mask> {prompt} {text}", "a b", "x", "<mask> x a b", "");
    check_fill("{text}{prompt}", "", "", "", "");
    check_fill("In: {text}\n {prompt}", "a ", "x", "In: a \n x", "In: a");
    /* What is put in is not looked at again; other braces are text. */
    check_fill("{} {{text}} {prompt} {a b}", "{prompt}", "<mask>", "{} {{prompt}} <mask> {a b}",
               "{} {{prompt}}");
}

static void check_template_refused(const char *source, const char *message)
{
    assert_null(tw_template_parse(source));
    assert_string_equal(tw_error(), message);
}

static void test_template_refused(void **state)
{
    (void)state;
    check_template_refused("{text}", "expected {prompt} in \"{text}\"");
    check_template_refused("", "expected {text} in \"\"");
    check_template_refused("{text} {prompt} {text}", "{text} occurs twice; expected it once");
    check_template_refused("<mask>{text} {prompt} <mask>", "<mask> occurs twice; expected it once");
    check_template_refused("{text} {promt}",
                           "unknown {promt}; there are {text}, {prompt} and <mask>");
}

static void check_classes(const char *list, size_t count, const char *const (*wanted)[2])
{
    tw_verbalizers verbalizers;
    assert_int_equal(tw_verbalizers_parse(list, &verbalizers), 0);
    assert_int_equal(verbalizers.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(verbalizers.classes[i].name, wanted[i][0]);
        assert_string_equal(verbalizers.classes[i].verbalizer, wanted[i][1]);
    }
    tw_verbalizers_clear(&verbalizers);
}

static void test_verbalizers(void **state)
{
    (void)state;
    check_classes(" terrible, great", 2,
                  (const char *const[][2]){{"terrible", " terrible"}, {"great", " great"}});
    check_classes("bad= no,good=yes", 2, (const char *const[][2]){{"bad", " no"}, {"good", "yes"}});
    check_classes(
        "ag-news", 4,
        (const char *const[][2]){
            {"World", "World"}, {"Sports", "Sports"}, {"Business", "Business"}, {"Tech", "Tech"}});
    check_classes("sst-5", 5,
                  (const char *const[][2]){{"terrible", " terrible"},
                                           {"bad", " bad"},
                                           {"okay", " okay"},
                                           {"good", " good"},
                                           {"great", " great"}});
}

static void check_list_refused(const char *list, const char *message)
{
    tw_verbalizers verbalizers;
    assert_int_equal(tw_verbalizers_parse(list, &verbalizers), -1);
    assert_string_equal(tw_error(), message);
    assert_null(verbalizers.classes);
}

static void test_list_refused(void **state)
{
    (void)state;
    check_list_refused("great", "\"great\": expected at least two classes, separated by commas, or "
                                "one of sst-2, yelp-2, mr, cr, sst-5, yelp-5, ag-news and subj");
    check_list_refused("a,", "class 1 is empty");
    check_list_refused("a,=b", "class 1 is empty");
    check_list_refused("a= ,b", "class 0 is empty");
    check_list_refused(" a,b,a", "class \"a\" occurs twice");
}

static void check_label(const tw_verbalizers *verbalizers, json_t *label, int wanted)
{
    assert_int_equal(tw_verbalizers_class(verbalizers, label), wanted);
    json_decref(label);
}

static void test_labels(void **state)
{
    (void)state;
    tw_verbalizers verbalizers;
    assert_int_equal(tw_verbalizers_parse("bad= terrible, great", &verbalizers), 0);
    check_label(&verbalizers, json_integer(0), 0);
    check_label(&verbalizers, json_integer(1), 1);
    check_label(&verbalizers, json_string("bad"), 0);
    check_label(&verbalizers, json_string(" terrible"), 0);
    check_label(&verbalizers, json_string("great"), 1);
    /* A name goes before a verbalizer. */
    tw_verbalizers crossed;
    assert_int_equal(tw_verbalizers_parse("a=b,b=a", &crossed), 0);
    check_label(&crossed, json_string("b"), 1);
    tw_verbalizers_clear(&crossed);
    check_label(&verbalizers, json_string("terrible"), -1);
    assert_string_equal(tw_error(), "label: expected one of bad, great, or a number from 0 to 1, "
                                    "got \"terrible\"");
    check_label(&verbalizers, json_integer(2), -1);
    check_label(&verbalizers, json_integer(-1), -1);
    check_label(&verbalizers, json_real(0), -1);
    check_label(&verbalizers, NULL, -1);
    assert_string_equal(tw_error(),
                        "label: expected one of bad, great, or a number from 0 to 1, got nothing");
    tw_verbalizers_clear(&verbalizers);
}

/* A tokenizer's tokens for a list of two, or the message. */
static void check_tokens(const char *path, const char *list, const char *const pieces[2],
                         const char *message)
{
    tw_tokenizer *tokenizer = tw_tokenizer_open(path);
    tw_verbalizers verbalizers;
    int32_t ids[2] = {0};
    assert_non_null(tokenizer);
    assert_int_equal(tw_verbalizers_parse(list, &verbalizers), 0);
    const int status = tw_verbalizers_tokens(&verbalizers, tokenizer, ids);
    if (message) {
        assert_int_equal(status, -1);
        assert_string_equal(tw_error(), message);
    } else if (status != 0) {
        fail_msg("%s", tw_error());
    }
    for (size_t i = 0; pieces && i < 2; i++)
        assert_string_equal(tw_tokenizer_piece(tokenizer, ids[i]), pieces[i]);
    tw_verbalizers_clear(&verbalizers);
    tw_tokenizer_free(tokenizer);
}

#define UNIGRAM "tests/fixtures/unigram/spiece.model"
#define BYTES "tests/fixtures/tokenizers/gpt2"

/* Where a text begins, SentencePiece puts a blank of its own; byte-level BPE does not. */
static void test_tokens(void **state)
{
    (void)state;
    check_tokens(UNIGRAM, " images, files", (const char *const[]){"▁images", "▁files"}, NULL);
    check_tokens(UNIGRAM, " images, fonts", NULL,
                 "\" fonts\": expected one token, got 2: \"▁fo\", \"nts\"");
    check_tokens(UNIGRAM, " images,files", NULL,
                 "\"files\": the tokenizer has it only as \"▁files\", with a blank in front");
    check_tokens(BYTES, " files,work", (const char *const[]){" files", "work"}, NULL);
    check_tokens(BYTES, "files, work", NULL,
                 "\"files\": expected one token, got 3: \"f\", \"il\", \"es\"");
    check_tokens(UNIGRAM, "a= images,b= images", NULL,
                 "\" images\": the same token as \" images\"");
}

static void test_gap(void **state)
{
    (void)state;
    const float two[] = {logf(3), 0}; /* 3/4 and 1/4 */
    const float three[] = {logf(2), 0, logf(5)};
    assert_true(fabs(tw_class_gap(two, 2, 0) - 0.5) < 1e-7);
    assert_true(fabs(tw_class_gap(two, 2, 1) + 0.5) < 1e-7);
    assert_true(fabs(tw_class_gap(three, 3, 0) + 3.0 / 8) < 1e-7);
    assert_true(fabs(tw_class_gap(three, 3, 2) - 3.0 / 8) < 1e-7);
    /* Far apart, and beyond numbers. */
    const float far[] = {-1e30F, 1e30F}, broken[] = {0, NAN}, endless[] = {INFINITY, 0};
    assert_true(tw_class_gap(far, 2, 1) == 1 && tw_class_gap(far, 2, 0) == -1);
    assert_true(isnan(tw_class_gap(broken, 2, 0)) && isnan(tw_class_gap(endless, 2, 0)));
    const double gaps[] = {0.5, -0.5, 0};
    const tw_verdict verdict = tw_verdict_of(gaps, 3);
    assert_true(fabs(verdict.quality - (100.0 - 90.0) / 3) < 1e-12);
    assert_true(fabs(verdict.accuracy - 100.0 / 3) < 1e-12);
    assert_true(verdict.gap == 0);
}

/* The right number of examples, ascending, each drawn as often as the others. */
static void test_pick(void **state)
{
    (void)state;
    enum { COUNT = 10, RECORDS = 4000 };
    uint32_t picked[COUNT];
    int drawn[COUNT] = {0};
    for (uint64_t key = 0; key < RECORDS; key++) {
        assert_int_equal(tw_examples_pick(COUNT, 0.8, 3, key, picked), 8);
        for (int i = 0; i < 8; i++) {
            assert_true(i == 0 || picked[i] > picked[i - 1]);
            assert_true(picked[i] < COUNT);
            drawn[picked[i]]++;
        }
    }
    /* Binomial(4000, 0.8): s.d. 25; six of them. */
    for (int i = 0; i < COUNT; i++)
        assert_in_range(drawn[i], 3200 - 150, 3200 + 150);
    assert_int_equal(tw_examples_pick(COUNT, 1, 3, 1, picked), COUNT);
    for (uint32_t i = 0; i < COUNT; i++)
        assert_int_equal(picked[i], i);
    assert_int_equal(tw_examples_pick(COUNT, 0.01, 3, 1, picked), 1);
    assert_int_equal(tw_examples_pick(COUNT, 0.34, 3, 1, picked), 3);
    assert_int_equal(tw_examples_pick(1, 0.5, 3, 1, picked), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fill),        cmocka_unit_test(test_template_refused),
        cmocka_unit_test(test_verbalizers), cmocka_unit_test(test_list_refused),
        cmocka_unit_test(test_labels),      cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_gap),         cmocka_unit_test(test_pick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
