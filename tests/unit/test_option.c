/* Command lines: what is accepted, what is refused and how, and the texts made
 * from the same table. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants some of the above. */
#include <cmocka.h>

#include "core/common.h"
#include "core/error.h"
#include "core/number.h"
#include "scratch.h"

static struct {
    const char *model, *note;
    int64_t count, unset;
    double heat, share, loose;
    int way;
    bool greedy, fast;
    tw_common common;
} got;

static const tw_option options[] = {
    TW_OPTIONS_GROUP("Main"),
    {"model", 'm', TW_TEXT, &got.model, "MODEL", "folder of the model", 0, 0, NULL,
     TW_OPTION_REQUIRED},
    {"count", 'k', TW_INT, &got.count, "N", "how many", 1, 100, NULL, 0},
    {"unset", 0, TW_INT, &got.unset, "N", "has no default", -5, INFINITY, NULL, 0},
    {"temperature", 't', TW_REAL, &got.heat, "T",
     "divides the logits, and this sentence is long enough to be wrapped at least once", 0,
     INFINITY, NULL, TW_OPTION_ABOVE_MIN},
    {"share", 0, TW_REAL, &got.share, "P", "between two bounds", 0, 1, NULL,
     TW_OPTION_ABOVE_MIN | TW_OPTION_BELOW_MAX},
    {"loose", 0, TW_REAL, &got.loose, "X", "has no bounds", 0, 0, NULL, 0},
    {"aggregate", 'a', TW_CHOICE, &got.way, NULL, "how", 0, 0, "average|sum|softmax", 0},
    {"note", 0, TW_TEXT, &got.note, "TEXT", "any text", 0, 0, NULL, 0},
    TW_OPTIONS_GROUP("Other"),
    {"greedy", 'g', TW_FLAG, &got.greedy, NULL, "take the best", 0, 0, NULL, 0},
    {"fast", 'f', TW_FLAG, &got.fast, NULL, "be quick", 0, 0, NULL, TW_OPTION_RUNTIME},
    TW_OPTION_SEED(got.common),
    TW_OPTIONS_END};

static const tw_usage usage = {"tool", "Does it.", "-m MODEL [options] [FILE...]",
                               "tool -m gpt2 a.jsonl\ntool -m gpt2 -k 5 < b.jsonl", options};

enum { ARGUMENTS = 16 };
static char *words[ARGUMENTS];
static int count, first;

/* Parses `tool` and the given words, ended by NULL, from fresh defaults. */
static tw_parsed parse_words(const char *const *given)
{
    memset(&got, 0, sizeof got);
    got.count = 4;
    got.unset = INT64_MIN;
    got.heat = 1;
    got.share = 0.5;
    got.loose = NAN;
    words[0] = "tool";
    for (count = 1; given[count - 1]; count++)
        words[count] = (char *)given[count - 1];
    words[count] = NULL;
    first = -1;
    return tw_parse_options(&usage, count, words, &first);
}

#define PARSE(...) parse_words((const char *const[]){__VA_ARGS__, NULL})

static void test_forms(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--model", "a", "--count=7", "-t0.5", "-gf"), TW_PARSED_RUN);
    assert_string_equal(got.model, "a");
    assert_int_equal(got.count, 7);
    assert_true(got.heat == 0.5 && got.greedy && got.fast);
    assert_int_equal(first, count);
    assert_int_equal(PARSE("-m", "b", "-gk", "9", "-a", "softmax", "--note="), TW_PARSED_RUN);
    assert_true(got.greedy && !got.fast && got.count == 9 && got.way == 2);
    assert_string_equal(got.note, "");
    /* The last one holds; values may look like options. */
    assert_int_equal(PARSE("-m", "a", "-m", "--count", "-k1", "-k2"), TW_PARSED_RUN);
    assert_string_equal(got.model, "--count");
    assert_int_equal(got.count, 2);
    assert_int_equal(PARSE("-m=x", "--note=a=b"), TW_PARSED_RUN);
    assert_string_equal(got.model, "=x");
    assert_string_equal(got.note, "a=b");
    assert_string_equal(tw_program(), "tool");
}

static void test_operands(void **state)
{
    (void)state;
    assert_int_equal(PARSE("x", "-m", "a", "-", "-g", "y", "--", "-k", "--"), TW_PARSED_RUN);
    assert_int_equal(count - first, 5);
    const char *expected[] = {"x", "-", "y", "-k", "--"};
    for (int i = 0; i < 5; i++)
        assert_string_equal(words[first + i], expected[i]);
    assert_string_equal(words[0], "tool");
    assert_int_equal(got.count, 4);
    assert_int_equal(PARSE("-m", "a", ""), TW_PARSED_RUN);
    assert_string_equal(words[first], "");
}

static void refused(const char *message)
{
    assert_string_equal(tw_error(), message);
    assert_null(got.model); /* nothing is stored of a refused line */
}

#define REFUSED(message, ...)                                                                      \
    do {                                                                                           \
        assert_int_equal(PARSE(__VA_ARGS__), TW_PARSED_BAD);                                       \
        refused(message " (try 'tool --help')");                                                   \
    } while (0)

static void test_refusals(void **state)
{
    (void)state;
    REFUSED("option --model is required", "-g");
    REFUSED("unknown option --temp: did you mean --temperature?", "-m", "a", "--temp=3");
    REFUSED("unknown option --temprature: did you mean --temperature?", "--temprature", "3");
    REFUSED("unknown option --agregate: did you mean --aggregate?", "-m", "a", "--agregate");
    REFUSED("unknown option --zzzzzz", "-m", "a", "--zzzzzz");
    REFUSED("unknown option -z", "-m", "a", "-gz");
    /* The names of other tools, where the program has what they mean. */
    REFUSED("unknown option --num_beams", "-m", "a", "--num_beams", "3");
    REFUSED("unknown option --random_seed: did you mean --seed?", "-m", "a", "--random_seed=3");
    REFUSED("unknown option --device: all is computed on the processor", "-m", "a", "--device=3");
    REFUSED("unknown option -count: did you mean --count?", "-m", "a", "-count");
    REFUSED("option --greedy takes no value", "-m", "a", "--greedy=1");
    REFUSED("option --count needs a value: an integer of at least 1 and at most 100", "-m", "a",
            "-k");
    REFUSED("option --model needs a value: MODEL", "--model");
    REFUSED("option --aggregate: 'sumo' is unknown; expected one of average, sum, softmax", "-m",
            "a", "-a", "sumo");
    REFUSED("option --aggregate: '' is unknown; expected one of average, sum, softmax", "-m", "a",
            "--aggregate=");
}

static void test_numbers(void **state)
{
    (void)state;
    REFUSED("option --count: '7x' is not an integer; expected an integer of at least 1 and at "
            "most 100",
            "-m", "a", "-k", "7x");
    REFUSED("option --count: 0 is out of range; expected an integer of at least 1 and at most 100",
            "-m", "a", "-k", "0");
    REFUSED("option --count: 101 is out of range; expected an integer of at least 1 and at most "
            "100",
            "-m", "a", "-k101");
    REFUSED("option --count: '99999999999999999999' is too large an integer; expected an integer "
            "of at least 1 and at most 100",
            "-m", "a", "-k", "99999999999999999999");
    static const char *const bad[] = {"", " 1", "1 ", "0x1", "1.0", "1e2", "-", "+", "--1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(PARSE("-m", "a", "-k", bad[i]), TW_PARSED_BAD);
    static const char *const bad_reals[] = {"",   " 1", "1 ", "0x1p3", "nan",   "inf",
                                            "1e", ".",  "e5", "--",    "1e999", "-1e999"};
    for (size_t i = 0; i < sizeof bad_reals / sizeof *bad_reals; i++)
        assert_int_equal(PARSE("-m", "a", "--loose", bad_reals[i]), TW_PARSED_BAD);
    REFUSED("option --temperature: 0 is out of range; expected a number above 0", "-m", "a", "-t0");
    REFUSED("option --share: 1 is out of range; expected a number above 0 and below 1", "-m", "a",
            "--share", "1");
    REFUSED("option --unset: -6 is out of range; expected an integer of at least -5", "-m", "a",
            "--unset", "-6");
    assert_int_equal(PARSE("-m", "a", "--unset=-5", "--loose", "-1.5e-3", "--share=.25"),
                     TW_PARSED_RUN);
    assert_true(got.unset == -5 && got.loose == -1.5e-3 && got.share == 0.25);
    assert_int_equal(PARSE("-m", "a", "-s", "9007199254740991"), TW_PARSED_RUN);
    assert_true(got.common.seed == 9007199254740991);
    assert_int_equal(PARSE("-m", "a", "-s", "9007199254740992"), TW_PARSED_BAD);
}

/* What is printed to stdout by a command line; the caller frees. */
static char *printed(const char *word)
{
    scratch_redirect(1, "out");
    tw_parsed parsed = PARSE("-k", "50", "--note", "x", word, "--never-read");
    scratch_restore(1);
    assert_int_equal(parsed, TW_PARSED_DONE);
    return scratch_read("out", NULL);
}

static void test_help(void **state)
{
    (void)state;
    char *text = printed("--help"), *same = printed("-h");
    assert_string_equal(text, same);
    assert_non_null(strstr(text, "Usage: tool -m MODEL [options] [FILE...]\nDoes it.\n\nMain:\n"));
    assert_non_null(strstr(text, "folder of the model (required)\n"));
    assert_non_null(strstr(text, "how many (default: 4)\n")); /* not the 50 given before */
    assert_non_null(strstr(text, "has no default\n"));
    assert_non_null(strstr(text, "  -a, --aggregate average|sum|softmax\n    "));
    assert_non_null(strstr(text, " how (default: average)\n"));
    assert_non_null(strstr(text, "\nExample:\n  tool -m gpt2 a.jsonl\n  tool -m gpt2 -k 5"));
    assert_non_null(strstr(text, "Exit status: 0"));
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        assert_true(strlen(line) <= 80);
    free(text);
    free(same);
}

/* Every option's description starts in one column. */
static void test_help_is_aligned(void **state)
{
    (void)state;
    char *text = printed("--help");
    static const char *const helps[] = {"folder of", "how many", "has no default", "be quick",
                                        "divides",   "any text", "show this help"};
    long column = -1;
    for (size_t i = 0; i < sizeof helps / sizeof *helps; i++) {
        const char *at = strstr(text, helps[i]), *start = at;
        assert_non_null(at);
        while (start > text && start[-1] != '\n')
            start--;
        if (column >= 0)
            assert_int_equal(at - start, column);
        column = at - start;
    }
    free(text);
}

static void test_man_and_version(void **state)
{
    (void)state;
    char *man = printed("--man-options"), *version = printed("-V");
    assert_non_null(strstr(man, ".SS Main\n.TP\n\\fB\\-m\\fR, \\fB\\-\\-model\\fR \\fIMODEL\\fR\n"
                                "Folder of the model (required).\n"));
    assert_non_null(strstr(man, ".TP\n\\fB\\-\\-unset\\fR \\fIN\\fR\nHas no default.\n"));
    assert_string_equal(version, "tool (Tokenwise) " TW_VERSION "\n");
    free(man);
    free(version);
    scratch_redirect(1, "/dev/full");
    tw_parsed parsed = PARSE("--help");
    scratch_restore(1);
    clearerr(stdout);
    assert_int_equal(parsed, TW_PARSED_BAD);
}

static void test_canonical(void **state)
{
    (void)state;
    assert_int_equal(PARSE("-m", "a b", "-f", "-g", "--note", "it's", "-t", "0.1"), TW_PARSED_RUN);
    char *text = tw_canonical_options(&usage);
    assert_string_equal(text, "--model='a b' --count=4 --temperature=0.1 --share=0.5 "
                              "--aggregate=average --note='it'\\''s' --greedy --seed=0");
    free(text);
    /* It does not depend on the order, and runtime options do not show. */
    assert_int_equal(PARSE("--note=", "-k", "4", "-m", "a", "--unset", "0"), TW_PARSED_RUN);
    text = tw_canonical_options(&usage);
    assert_string_equal(text, "--model=a --count=4 --unset=0 --temperature=1 --share=0.5 "
                              "--aggregate=average --note='' --seed=0");
    free(text);
}

static void test_number_text(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } known[] = {{0.1, "0.1"},
                 {1, "1"},
                 {-0.0, "-0"},
                 {1e22, "1e+22"},
                 {5e-324, "5e-324"},
                 {1.7976931348623157e308, NULL},
                 {0.1 + 0.2, "0.30000000000000004"},
                 {2.0 / 3, "0.6666666666666666"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char text[TW_NUMBER_SIZE];
        int length = tw_number_text(known[i].value, text);
        assert_int_equal(length, strlen(text));
        if (known[i].text)
            assert_string_equal(text, known[i].text);
        assert_true(strtod(text, NULL) == known[i].value);
        double scanned = 0;
        assert_ptr_equal(tw_scan_real(text, text + strlen(text), &scanned), text + strlen(text));
        assert_true(scanned == known[i].value);
    }
    double scanned = 0;
    static const char none[] = "x";
    assert_null(tw_scan_real(none, none + 1, &scanned));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_operands),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_help_is_aligned),
        cmocka_unit_test(test_man_and_version),
        cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_number_text),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
