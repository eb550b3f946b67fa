/* What decoding is planned to take, against the most memory that the process has in it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/common.h"
#include "core/error.h"
#include "core/memory.h"
#include "model/decode.h"
#include "model/use-plan.h"
#include "model_folder.h"

enum { REQUESTS = 100, SHORTEST = 60, LONGEST = 120, SAMPLES = 2, NEW = 8, TOKENS = 4096 };

typedef struct queue {
    int32_t tokens[LONGEST];
    tw_request requests[REQUESTS];
    size_t next;
} queue;

/* Lengths go up and down: what one leaves behind must serve the other. */
static tw_request *next(void *context)
{
    queue *queue = context;
    if (queue->next == REQUESTS)
        return NULL;
    tw_request *request = &queue->requests[queue->next];
    *request = (tw_request){.prompt = queue->tokens,
                            .length = LONGEST - queue->next * 37 % (LONGEST - SHORTEST),
                            .key = queue->next++,
                            .count = SAMPLES};
    return request;
}

static int done(void *context, tw_request *request)
{
    (void)context;
    tw_request_clear(request);
    return 0;
}

/* A field of /proc/self/status in bytes; 0: it is not there. */
static size_t status_of(const char *field)
{
    char line[128];
    size_t bytes = 0;
    FILE *file = fopen("/proc/self/status", "re");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, field, strlen(field)) == 0)
            bytes = strtoull(line + strlen(field), NULL, 10) * 1024;
    if (file)
        fclose(file);
    return bytes;
}

/* Bytes in memory now, from where on VmHWM counts anew; 0 where the kernel cannot do that. */
static size_t start_counting(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "we");
    const bool written = file && fputs("5", file) >= 0 && fflush(file) == 0;
    if (file)
        fclose(file);
    return written ? status_of("VmRSS:") : 0;
}

typedef struct field {
    const char *key;
    int value;
} field;

/* A model from scratch: a fixture's config.json with other sizes (to a NULL key). */
static tw_model *make_model(const char *fixture, const field *fields)
{
    char *from = tw_format("%s/config.json", fixture), *path = in_folder("config.json");
    json_t *json = json_load_file(from, 0, NULL);
    for (; fields->key; fields++)
        json_object_set_new(json, fields->key, json_integer(fields->value));
    assert_int_equal(0, json_dump_file(json, path, 0));
    tw_model *model = tw_model_init(path, VOCABULARY, 3);
    json_decref(json);
    free(path);
    free(from);
    if (!model)
        fail_msg("%s", tw_error());
    return model;
}

static void check(const char *fixture, const field *fields)
{
#ifdef __SANITIZE_ADDRESS__
    (void)fixture, (void)fields;
    skip(); /* it keeps what is given back */
#else
    static queue queue;
    queue.next = 0;
    for (int i = 0; i < LONGEST; i++)
        queue.tokens[i] = 5 + i % 500;
    const tw_decode_options options = {.sampling = tw_sampling_defaults,
                                       .max_new_tokens = NEW,
                                       .min_new_tokens = NEW,
                                       .batch_tokens = TOKENS};
    const tw_decode_calls calls = {next, done, &queue};
    const tw_plan_decode_size planned = {TOKENS, LONGEST, SAMPLES, NEW, SIZE_MAX};
    tw_model *model = make_model(fixture, fields);
    tw_plan plan = {0};
    tw_plan_decode(&plan, model, &planned);
    const size_t before = start_counting();
    if (before == 0)
        skip();
    assert_int_equal(0, tw_decode(model, &options, &calls));
    const size_t taken = status_of("VmHWM:") - before;
    print_message("planned %zu bytes, %zu taken\n", plan.bytes, taken);
    assert_true(taken <= plan.bytes);
    /* Beside what threads may need, which depends on the machine. */
    const size_t scratch = tw_plan_of(&plan, NULL, TW_PLAN_SCRATCH);
    assert_true(plan.bytes - scratch <= taken + taken / 5);
    tw_model_free(model);
#endif
}

static void a_decoder_takes_what_is_planned(void **state)
{
    (void)state;
    static const field fields[] = {
        {"n_embd", 256}, {"n_head", 4}, {"n_layer", 4}, {"n_positions", 128}, {0}};
    check(GPT2, fields);
}

static void an_encoder_decoder_takes_what_is_planned(void **state)
{
    (void)state;
    static const field fields[] = {{"d_model", 192},
                                   {"d_ff", 512},
                                   {"num_layers", 2},
                                   {"num_decoder_layers", 6},
                                   {"num_heads", 8},
                                   {"d_kv", 32},
                                   {0}};
    check("tests/fixtures/t5/v11", fields);
}

/* As every program begins. */
static int begin(void **state)
{
    const tw_common common = TW_COMMON_DEFAULTS;
    tw_common_apply(&common);
    return make_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_decoder_takes_what_is_planned),
        cmocka_unit_test(an_encoder_decoder_takes_what_is_planned),
    };
    return cmocka_run_group_tests(tests, begin, remove_folder);
}
