/* The tokens that end a generation, as folders name them: generation_config.json before
 * config.json, several at once, and the tokenizer's own. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "model/config.h"
#include "model/decode.h"
#include "model_folder.h"

enum { EOS = 2 }; /* of the fixture's tokenizer */

/* generation is the content of generation_config.json, NULL for no file; config is the
 * eos_token_id of config.json, NULL for none. */
static void put_folder(const char *generation, const char *config)
{
    fresh_folder();
    set_config("eos_token_id", config);
    if (generation)
        folder_put("generation_config.json", generation, strlen(generation));
}

static void check_stops(const tw_stops *found, const int32_t *expected, size_t count)
{
    assert_int_equal(count, found->count);
    for (size_t i = 0; i < count; i++)
        assert_true(tw_stops_has(found, expected[i]));
}

static const struct {
    const char *generation, *config;
    int32_t stops[4];
    size_t count;
} folders[] = {
    {NULL, NULL, {EOS}, 1},
    {NULL, "2", {EOS}, 1},
    {NULL, "7", {EOS, 7}, 2},
    {NULL, "[7, 2, 9]", {EOS, 7, 9}, 3},
    {NULL, "[]", {EOS}, 1},
    {NULL, "[509, -1, 508, 99999999999]", {EOS, 508}, 2},
    {"{}", "[7, 9]", {EOS, 7, 9}, 3},
    {"{\"eos_token_id\": null}", "[7, 9]", {EOS, 7, 9}, 3},
    {"{\"eos_token_id\": [11, 11, 2]}", "[7, 9]", {EOS, 11}, 2},
    {"{\"eos_token_id\": 11}", "\"no number\"", {EOS, 11}, 2},
};

static void reads_lists(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        put_folder(folders[i].generation, folders[i].config);
        tw_model *model = open_folder(folder, TW_USE_FROZEN);
        assert_int_equal(EOS, model->config.eos);
        check_stops(&model->config.stops, folders[i].stops, folders[i].count);
        tw_model_free(model);
    }
}

/* What is written names all of them, the tokenizer's own first. */
static void saves_lists(void **state)
{
    (void)state;
    put_folder("{\"eos_token_id\": [11, 7, 2]}", "2");
    tw_model *model = open_folder(folder, TW_USE_FROZEN);
    empty_folder();
    assert_int_equal(0, tw_model_save(model, folder));
    tw_model_free(model);
    json_t *expected = json_pack("[iii]", 2, 11, 7);
    static const char *const names[] = {"config.json", "generation_config.json"};
    for (size_t i = 0; i < 2; i++) {
        char *path = in_folder(names[i]);
        json_t *json = tw_json_read(path);
        assert_true(json_equal(expected, json_object_get(json, "eos_token_id")));
        json_decref(json);
        free(path);
    }
    json_decref(expected);
}

static const struct {
    const char *generation, *config, *message;
} refused[] = {
    {NULL, "\"</s>\"", "config.json: eos_token_id: expected an id or a list of ids"},
    {NULL, "[1, [2]]", "config.json: eos_token_id: expected an id or a list of ids"},
    {NULL, "2.0", "config.json: eos_token_id: expected an id or a list of ids"},
    {"{\"eos_token_id\": {}}", "2",
     "generation_config.json: eos_token_id: expected an id or a list of ids"},
    {"[1]", "2", "generation_config.json: not a JSON object"},
    {"{\"eos_token_id\": [0,1,3,4,5,6,7,8,9,10,11,12,13,14,15,16]}", "2",
     "generation_config.json: eos_token_id: more than 16 ids"},
};

static void refuses_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        put_folder(refused[i].generation, refused[i].config);
        assert_null(tw_model_open(folder, TW_USE_FROZEN));
        if (!strstr(tw_error(), refused[i].message))
            fail_msg("%s, expected %s", tw_error(), refused[i].message);
    }
}

enum { NEW = 20 };

typedef struct single {
    tw_request request;
    bool given;
} single;

static tw_request *next(void *context)
{
    single *single = context;
    if (single->given)
        return NULL;
    single->given = true;
    return &single->request;
}

static int done(void *context, tw_request *request)
{
    (void)context;
    (void)request;
    return 0;
}

static single decode(const tw_model *model, size_t min_new_tokens)
{
    static const int32_t prompt[] = {17, 40, 99};
    single single = {.request = {.prompt = prompt, .length = 3, .count = 1}};
    tw_decode_options options = {.sampling = tw_sampling_defaults,
                                 .max_new_tokens = NEW,
                                 .min_new_tokens = min_new_tokens,
                                 .batch_tokens = 100};
    options.sampling.greedy = true;
    assert_int_equal(0, tw_decode(model, &options, &(tw_decode_calls){next, done, &single}));
    return single;
}

/* Each of several ends a greedy continuation where it first occurs, and not too early. */
static void each_ends_a_generation(void **state)
{
    (void)state;
    tw_model *model = open_folder(GPT2, TW_USE_FROZEN);
    single free_run = decode(model, 0);
    const tw_sample *whole = &free_run.request.samples[0];
    assert_int_equal(NEW, whole->count);
    int32_t late = whole->tokens[12], early = whole->tokens[5];
    size_t first = 0;
    while (whole->tokens[first] != late && whole->tokens[first] != early)
        first++;
    model->config.stops = (tw_stops){{EOS, late, early}, 3};
    single ended = decode(model, 0), held = decode(model, NEW);
    assert_true(ended.request.samples[0].stopped);
    assert_int_equal(first + 1, ended.request.samples[0].count);
    assert_memory_equal(whole->tokens, ended.request.samples[0].tokens,
                        (first + 1) * sizeof *whole->tokens);
    assert_int_equal(NEW, held.request.samples[0].count);
    for (size_t i = 0; i < NEW; i++)
        assert_false(tw_stops_has(&model->config.stops, held.request.samples[0].tokens[i]));
    tw_request_clear(&held.request);
    tw_request_clear(&ended.request);
    tw_request_clear(&free_run.request);
    tw_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_lists),
        cmocka_unit_test(saves_lists),
        cmocka_unit_test(refuses_by_name),
        cmocka_unit_test(each_ends_a_generation),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
