/* Data sets: what is kept of a record, what is cut, what is refused and how it is said,
 * and the order of visits. The tokenizer itself (tests/unit/test_tokenizer.c) serves as
 * the measure. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka wants the four above. */
#include <cmocka.h>

#include "core/file.h"
#include "core/memory.h"
#include "errors.h"
#include "model/model.h"
#include "scratch.h"
#include "train/data.h"

static char folder[] = "/tmp/test_data.XXXXXX";
static char *path;
static tw_tokenizer *tokenizer;

enum { EOS = 2, BOS = 1, CONTEXT = 32 };

static tw_data_options defaults(void)
{
    return (tw_data_options){.encoding = {.tokenizer = tokenizer,
                                          .start = BOS,
                                          .eos = EOS,
                                          .vocabulary = (size_t)tw_tokenizer_size(tokenizer),
                                          .context = CONTEXT}};
}

static void write_records(const char *text)
{
    assert_int_equal(tw_write_file(path, text, strlen(text)), 0);
}

/* ids are those of text, `cut` tokens of it, and EOS behind them when closed. */
static void check_ids(const tw_ids *ids, const char *text, size_t cut, bool closed)
{
    tw_ids want = {0};
    assert_int_equal(tw_tokenizer_encode(tokenizer, text, strlen(text), &want), 0);
    if (want.count > cut)
        want.count = cut;
    assert_int_equal(ids->count, want.count + closed);
    assert_memory_equal(ids->ids, want.ids, want.count * sizeof *want.ids);
    if (closed)
        assert_int_equal(ids->ids[want.count], EOS);
    free(want.ids);
}

static const char LONG[] = "a library for reading and writing many kinds of images, fonts and "
                           "documents on the network, with few dependencies";

static void test_texts(void **state)
{
    (void)state;
    write_records("{\"prompt\":\"a small library\",\"completion\":\"image viewer\"}\n"
                  "{\"prompt\":\"\",\"completion\":\"\",\"id\":7}\n"
                  "{\"prompt\":\"only a prompt\",\"id\":\"x\"}\n");
    tw_data_options options = defaults();
    options.encoding.prefix = "say: ";
    tw_data data;
    assert_int_equal(tw_data_load_texts(&data, &path, 1, &options, false), 0);
    assert_int_equal(data.count, 3);
    check_ids(&data.examples[0].prompt, "say: a small library", CONTEXT, false);
    check_ids(&data.examples[0].completion, "image viewer", CONTEXT, true);
    assert_string_equal(data.examples[0].text, "image viewer");
    assert_int_equal(data.examples[0].key, 1);
    check_ids(&data.examples[1].completion, "", 0, true);
    assert_int_equal(data.examples[1].key, 7);
    check_ids(&data.examples[2].prompt, "say: only a prompt", CONTEXT, false);
    assert_int_equal(data.examples[2].completion.count, 0);
    assert_null(data.examples[2].text);
    assert_int_equal(data.counts.prompts_cut + data.counts.completions_cut, 0);
    tw_data_free(&data);
    assert_int_equal(tw_data_load_texts(&data, &path, 1, &options, true), -1);
    expect_error(":3: completion");
}

static void test_empty_prompt_is_the_start_token(void **state)
{
    (void)state;
    write_records("{\"prompt\":\"\"}\n");
    tw_data_options options = defaults();
    tw_data data;
    assert_int_equal(tw_data_load_texts(&data, &path, 1, &options, false), 0);
    assert_int_equal(data.examples[0].prompt.count, 1);
    assert_int_equal(data.examples[0].prompt.ids[0], BOS);
    tw_data_free(&data);
    options.encoding.start = -1;
    assert_int_equal(tw_data_load_texts(&data, &path, 1, &options, false), -1);
    expect_error(":1: prompt: empty");
}

static void load_long(tw_data *data, const tw_data_options *options)
{
    char *text = tw_format("{\"prompt\":\"%s\",\"completion\":\"image viewer\"}\n"
                           "{\"prompt\":\"fonts\",\"completion\":\"%s\"}\n",
                           LONG, LONG);
    write_records(text);
    free(text);
    assert_int_equal(tw_data_load_texts(data, &path, 1, options, true), 0);
}

static void test_what_is_too_long_is_cut(void **state)
{
    (void)state;
    tw_data_options options = defaults();
    tw_data data;
    load_long(&data, &options);
    size_t completion = data.examples[0].completion.count;
    check_ids(&data.examples[0].prompt, LONG, CONTEXT - completion, false);
    check_ids(&data.examples[0].completion, "image viewer", CONTEXT, true);
    /* EOS went with the rest. */
    check_ids(&data.examples[1].completion, LONG, CONTEXT - 1, false);
    assert_int_equal(data.examples[1].prompt.count, 1);
    assert_int_equal(data.counts.prompts_cut, 2);
    assert_int_equal(data.counts.completions_cut, 1);
    tw_data_free(&data);
    /* Limits: the room behind a prompt is the same for all. */
    options.encoding.max_completion_tokens = 12;
    load_long(&data, &options);
    check_ids(&data.examples[0].prompt, LONG, CONTEXT - 12, false);
    check_ids(&data.examples[1].completion, LONG, 12, false);
    check_ids(&data.examples[1].prompt, "fonts", CONTEXT, false);
    tw_data_free(&data);
    options.encoding.max_prompt_tokens = 5;
    load_long(&data, &options);
    check_ids(&data.examples[0].prompt, LONG, 5, false);
    tw_data_free(&data);
}

static void test_strict(void **state)
{
    (void)state;
    tw_data_options options = defaults();
    tw_data data;
    load_long(&data, &options);
    tw_data_free(&data);
    options.encoding.strict = true;
    assert_int_equal(tw_data_load_texts(&data, &path, 1, &options, true), -1);
    expect_error(":1: prompt: ");
    options.records.max_errors = 1;
    assert_int_equal(tw_data_load_texts(&data, &path, 1, &options, true), -1);
    expect_error(":2: completion: ");
    options.records.max_errors = 2;
    assert_int_equal(tw_data_load_texts(&data, &path, 1, &options, true), 0);
    assert_int_equal(data.count, 0);
    assert_int_equal(data.counts.rejected, 2);
    tw_data_free(&data);
}

static void test_groups(void **state)
{
    (void)state;
    write_records(
        "{\"prompt\":\"a library\",\"samples\":["
        "{\"text\":\"fonts\",\"score\":1,\"finish\":\"stop\"},"
        "{\"text\":\"images\",\"score\":-2.5,\"finish\":\"length\"},"
        "{\"text\":\"logs\",\"score\":1e-3}]}\n"
        "{\"prompt\":\"a\",\"samples\":[{\"text\":\"x\",\"score\":4},{\"text\":\"y\",\"score\":4}]"
        "}\n");
    tw_data_options options = defaults();
    tw_data data;
    assert_int_equal(tw_data_load_groups(&data, &path, 1, &options), 0);
    assert_int_equal(data.count, 2);
    const tw_group *group = &data.groups[0];
    assert_int_equal(group->count, 3);
    check_ids(&group->prompt, "a library", CONTEXT, false);
    check_ids(&group->generations[0].ids, "fonts", CONTEXT, true);
    check_ids(&group->generations[1].ids, "images", CONTEXT, false);
    check_ids(&group->generations[2].ids, "logs", CONTEXT, true);
    assert_true(group->generations[0].score == 1 && group->generations[1].score == -2.5 &&
                group->generations[2].score == 1e-3);
    assert_false(group->equal);
    assert_true(data.groups[1].equal);
    assert_int_equal(tw_data_drop_equal(&data), 1);
    assert_int_equal(data.count, 1);
    assert_int_equal(data.groups[0].line, 1);
    tw_data_free(&data);
    options.refuse_equal = true;
    assert_int_equal(tw_data_load_groups(&data, &path, 1, &options), -1);
    expect_error(":2: samples: all 2 scores are 4");
}

/* A line with two samples, the first with these tokens. */
static int load_tokens(const char *text, const char *tokens, bool retokenize, tw_data *data)
{
    char *line = tw_format("{\"prompt\":\"a\",\"samples\":[{\"text\":\"%s\",\"tokens\":%s,"
                           "\"score\":0},{\"text\":\"y\",\"score\":1}]}\n",
                           text, tokens);
    write_records(line);
    free(line);
    tw_data_options options = defaults();
    options.encoding.retokenize = retokenize;
    return tw_data_load_groups(data, &path, 1, &options);
}

static void test_tokens_of_samples(void **state)
{
    (void)state;
    tw_data data;
    int32_t ids[] = {40, 50, 60};
    char *text = tw_tokenizer_decode(tokenizer, ids, 3);
    assert_int_equal(load_tokens("fonts", "[40,50,60,2]", true, &data), 0);
    check_ids(&data.groups[0].generations[0].ids, "fonts", CONTEXT, true);
    tw_data_free(&data);
    assert_int_equal(load_tokens(text, "[40,50,60,2]", false, &data), 0);
    const tw_ids *got = &data.groups[0].generations[0].ids;
    assert_int_equal(got->count, 4);
    assert_memory_equal(got->ids, ids, sizeof ids);
    assert_int_equal(got->ids[3], EOS);
    tw_data_free(&data);
    assert_int_equal(load_tokens("quite another text", "[40,50,60,2]", false, &data), -1);
    expect_error("1 of 1 samples have tokens that do not spell their text");
    assert_int_equal(load_tokens(text, "[40,50,60,5000]", false, &data), -1);
    expect_error(":1: samples[0]: tokens[3]: expected an id from 0 to ");
    assert_int_equal(load_tokens("", "[]", false, &data), -1);
    expect_error(":1: samples[0]: no tokens");
    free(text);
}

static void test_bad_groups(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"{\"prompt\":\"a\",\"samples\":[{\"text\":\"x\",\"score\":4}]}\n",
         ":1: samples: expected at least 2 to rank, got 1"},
        {"{\"prompt\":\"a\",\"samples\":[{\"text\":\"x\"},{\"text\":\"y\"}]}\n", "score"},
        {"{\"prompt\":\"a\"}\n", "samples"},
    };
    tw_data_options options = defaults();
    tw_data data;
    options.encoding.context = 1;
    assert_int_equal(tw_data_load_groups(&data, &path, 1, &options), -1);
    expect_error("a context of 1 tokens");
    options.encoding.context = CONTEXT;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_records(bad[i][0]);
        assert_int_equal(tw_data_load_groups(&data, &path, 1, &options), -1);
        expect_error(bad[i][1]);
    }
}

/* By id, whatever the order of the records; the fraction within four s.d. */
static void test_hold_out(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    tw_group *groups = tw_alloc(COUNT, sizeof *groups), *back = tw_alloc(COUNT, sizeof *back);
    for (size_t i = 0; i < COUNT; i++)
        groups[i].key = back[COUNT - 1 - i].key = 17 * i;
    tw_data forward = {.groups = groups, .count = COUNT},
            reverse = {.groups = back, .count = COUNT};
    size_t kept = tw_data_hold_out(&forward, 5, 0.1);
    assert_in_range(COUNT - kept, 146, 254);
    assert_int_equal(tw_data_hold_out(&reverse, 5, 0.1), kept);
    for (size_t i = 0; i < kept; i++)
        assert_int_equal(groups[i].key, back[kept - 1 - i].key);
    for (size_t i = 1; i < COUNT; i++)
        assert_true(i == kept || groups[i].key > groups[i - 1].key);
    assert_int_equal(tw_data_hold_out(&forward, 5, 0), COUNT);
    free(groups);
    free(back);
}

static void test_order(void **state)
{
    (void)state;
    enum { COUNT = 7 };
    tw_order order, again;
    tw_order_init(&order, 3, COUNT);
    tw_order_init(&again, 3, COUNT);
    uint32_t first[COUNT] = {0}, second[COUNT] = {0};
    for (uint64_t n = 0; n < 2 * COUNT; n++) {
        uint64_t epoch;
        uint32_t at = tw_order_at(&order, n, &epoch);
        assert_int_equal(epoch, n / COUNT);
        (n < COUNT ? first : second)[n % COUNT] = at;
    }
    unsigned seen[2] = {0, 0};
    for (size_t i = 0; i < COUNT; i++) {
        seen[0] |= 1U << first[i];
        seen[1] |= 1U << second[i];
    }
    assert_int_equal(seen[0], 0x7f);
    assert_int_equal(seen[1], 0x7f);
    assert_memory_not_equal(first, second, sizeof first);
    /* Any visit at once, in any order of asking. */
    for (uint64_t n = 2 * COUNT; n-- > 0;) {
        uint64_t epoch;
        assert_int_equal(tw_order_at(&again, n, &epoch), (n < COUNT ? first : second)[n % COUNT]);
    }
    tw_order_free(&order);
    tw_order_free(&again);
}

static int set_up(void **state)
{
    (void)state;
    tokenizer = tw_tokenizer_open("tests/fixtures/gpt2");
    if (!tokenizer || !mkdtemp(folder))
        return -1;
    path = tw_join_path(folder, "records.jsonl");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scratch_remove(folder);
    tw_tokenizer_free(tokenizer);
    free(path);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_empty_prompt_is_the_start_token),
        cmocka_unit_test(test_what_is_too_long_is_cut),
        cmocka_unit_test(test_strict),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_tokens_of_samples),
        cmocka_unit_test(test_bad_groups),
        cmocka_unit_test(test_hold_out),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
