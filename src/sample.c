/* sample: K generations for each prompt. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/common.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/option.h"
#include "core/places.h"
#include "core/progress.h"
#include "model/decode.h"
#include "model/masked-lm.h"
#include "model/model.h"
#include "model/prompt.h"
#include "model/use-plan.h"
#include "stream/count.h"
#include "stream/output.h"
#include "stream/record.h"
#include "tensor/kernels/kernels.h"
#include "text/options.h"
#include "text/prompt.h"

static tw_common common = TW_COMMON_DEFAULTS;
static tw_sampling sampling = {.temperature = 1, .top_p = 1, .repetition_penalty = 1};
static tw_text_options text;
static const char *model_path;
static int64_t samples = 1, max_new_tokens, min_new_tokens, batch_tokens = 8192;
static int64_t beams = INT64_MIN;
static double length_penalty = 1;
static int early_stopping;
static bool logprobs;

static const tw_option options[] = {
    {"model", 'm', TW_TEXT, &model_path, "MODEL", "model folder (Hugging Face layout)", 0, 0, NULL,
     TW_OPTION_REQUIRED | TW_OPTION_RUNTIME},
    {"samples", 'k', TW_INT, &samples, "K", "generations of each prompt", 1, 65536, NULL, 0},
    TW_OPTIONS_GROUP("Decoding"),
    TW_SAMPLING_OPTIONS(sampling),
    {"greedy", 0, TW_FLAG, &sampling.greedy, NULL, "always take the likeliest token", 0, 0, NULL,
     0},
    {"beams", 0, TW_INT, &beams, "N", "search with N beams; the K best hypotheses are the samples",
     2, 1024, NULL, 0},
    {"length-penalty", 0, TW_REAL, &length_penalty, "P",
     "rank hypotheses by log-probability / length ^ P", -10, 10, NULL, 0},
    {"early-stopping", 0, TW_CHOICE, &early_stopping, NULL,
     "whether N hypotheses end a search: once better ones are unlikely, at once, or once they are "
     "impossible",
     0, 0, "false|true|never", 0},
    {"repetition-penalty", 0, TW_REAL, &sampling.repetition_penalty, "R",
     "penalty on tokens that occurred before, 1 for none", 0, 1e6, NULL, TW_OPTION_ABOVE_MIN},
    TW_OPTION_MAX_NEW_TOKENS(max_new_tokens),
    {"min-new-tokens", 0, TW_INT, &min_new_tokens, "N",
     "do not draw the end-of-sequence token before N tokens", 0, 1e9, NULL, 0},
    TW_OPTION_SEED(common),
    TW_OPTIONS_GROUP("Input"),
    TW_OPTIONS_AFFIXES(text),
    TW_OPTION_PROMPT_FIELD(text),
    TW_OPTIONS_PROMPT_LIMIT(text),
    TW_OPTION_STRICT(text),
    TW_OPTION_MAX_ERRORS(common),
    TW_OPTIONS_GROUP("Output"),
    {"logprobs", 0, TW_FLAG, &logprobs, NULL, "add each token's log-probability to a sample", 0, 0,
     NULL, 0},
    TW_OPTION_OUTPUT(common),
    TW_OPTION_PLAIN(common),
    TW_OPTION_NO_PROVENANCE(common),
    TW_OPTION_QUIET(common),
    TW_OPTIONS_GROUP("Running"),
    {"batch-tokens", 0, TW_INT, &batch_tokens, "N",
     "tokens under way at a time; more is faster and takes more memory", 1, 1e9, NULL,
     TW_OPTION_RUNTIME},
    TW_OPTION_THREADS(common),
    TW_OPTIONS_END,
};

static const tw_usage usage = {
    .name = "sample",
    .purpose = "Draw generations from a language model for each prompt of a stream",
    .synopsis = "-m MODEL [-k K] [options] [FILE...]",
    .example = "zstdcat prompts.jsonl.zst | head -50 | sample -m policy -k 4 -s 7 | zstdcat",
    .options = options,
};

/* Records are written in the order they came in, so those that are done early wait. This
 * bounds how many. */
enum { WINDOW = 4096 };

typedef struct item {
    tw_request request;
    tw_record record;
    tw_ids prompt;
    bool done;
} item;

typedef struct run {
    tw_model *model;
    tw_records *records;
    tw_writer *writer;
    tw_progress *progress;
    size_t new_tokens, prompt_limit;
    item *ring;                          /* [WINDOW], items written .. read */
    uint64_t read, written, cut, tokens; /* tokens: generated */
    bool ended, failed;
} run;

/* Reads one record into *item: 1, 0 at the end, -1. */
static int read_item(run *run, item *item)
{
    const tw_config *config = &run->model->config;
    const tw_prompt_rules rules = {.tokenizer = run->model->tokenizer,
                                   .prefix = text.prefix,
                                   .suffix = text.suffix,
                                   .start = config->bos >= 0 ? config->bos : config->eos,
                                   .strict = text.strict,
                                   .closed = tw_has_encoder(config) && config->eos >= 0,
                                   .eos = config->eos,
                                   .truncate = (tw_truncate)text.truncate};
    for (;;) {
        *item = (struct item){0};
        int status = tw_records_next(run->records, &item->record);
        if (status <= 0)
            return status;
        int cut = tw_prompt_encode(&rules, item->record.prompt, run->prompt_limit, &item->prompt);
        if (cut >= 0) {
            run->cut += (uint64_t)cut;
            return 1;
        }
        tw_record_fail(&item->record, "%s", tw_error());
        tw_record_clear(&item->record);
        if (tw_records_reject(run->records) < 0)
            return -1;
    }
}

static tw_request *next_request(void *context)
{
    run *run = context;
    if (run->ended || run->read - run->written == WINDOW)
        return NULL;
    if (run->read > run->written && !tw_records_ready(run->records))
        return NULL; /* rather finish what is under way than wait for a slow pipe */
    item *item = &run->ring[run->read % WINDOW];
    int status = read_item(run, item);
    if (status <= 0) {
        run->ended = true;
        run->failed = status < 0;
        return NULL;
    }
    run->read++;
    item->request = (tw_request){.prompt = item->prompt.ids,
                                 .length = item->prompt.count,
                                 .key = item->record.key,
                                 .count = (size_t)samples,
                                 .user = item};
    return &item->request;
}

static json_t *sample_json(const tw_tokenizer *tokenizer, const tw_sample *sample)
{
    char *decoded = tw_tokenizer_decode(tokenizer, sample->tokens, sample->count);
    if (!decoded)
        return NULL;
    json_t *tokens = json_array(), *each = json_array();
    double sum = 0;
    for (size_t i = 0; i < sample->count; i++) {
        json_array_append_new(tokens, json_integer(sample->tokens[i]));
        json_array_append_new(each, json_real((double)sample->logprobs[i]));
        sum += (double)sample->logprobs[i];
    }
    json_t *json = json_pack("{s:s, s:o, s:s, s:f}", "text", decoded, "tokens", tokens, "finish",
                             sample->stopped ? "stop" : "length", "logprob", sum);
    if (json && beams > 0)
        json_object_set_new(json, "beam_score", json_real(sample->beam_score));
    if (json && logprobs)
        json_object_set(json, "logprobs", each);
    json_decref(each);
    free(decoded);
    return json ? json : (tw_fail("a decoded text is not valid UTF-8"), NULL);
}

static int write_item(run *run, const item *item)
{
    json_t *array = json_array();
    for (size_t k = 0; k < item->request.count; k++) {
        json_t *sample = sample_json(run->model->tokenizer, &item->request.samples[k]);
        if (!sample) {
            json_decref(array);
            return tw_record_fail(&item->record, "sample %zu: %s", k, tw_error());
        }
        json_array_append_new(array, sample);
    }
    json_object_set_new(item->record.json, "samples", array);
    return tw_record_write(run->writer, &item->record);
}

static void clear_item(item *item)
{
    tw_request_clear(&item->request);
    tw_record_clear(&item->record);
    free(item->prompt.ids);
}

/* Writes what is done at the head of the ring. */
static int request_done(void *context, tw_request *request)
{
    run *run = context;
    ((item *)request->user)->done = true;
    for (size_t k = 0; k < request->count; k++)
        run->tokens += request->samples[k].count;
    bool any = false;
    while (run->written < run->read && run->ring[run->written % WINDOW].done) {
        item *item = &run->ring[run->written % WINDOW];
        if (write_item(run, item) < 0)
            return -1;
        clear_item(item);
        run->written++;
        any = true;
    }
    tw_progress_beside(run->progress, "tokens", run->tokens);
    tw_progress_update(run->progress, run->written, NULL);
    return any ? tw_writer_flush(run->writer) : 0;
}

/* Plans what memory will be taken, then takes it for the weights. */
static int load_model(const run *run)
{
    static const tw_plan_advice advice = {.batch = "a smaller --batch-tokens"};
    const tw_plan_decode_size size = {.batch_tokens = (size_t)batch_tokens,
                                      .prompt = run->prompt_limit,
                                      .strands = (size_t)(beams > 0 ? beams : samples),
                                      .new_tokens = run->new_tokens,
                                      .requests = SIZE_MAX};
    tw_plan plan = {0};
    if (tw_plan_weights(&plan, run->model, TW_USE_FROZEN) < 0)
        return -1;
    tw_plan_decode(&plan, run->model, &size);
    if (tw_plan_check(&plan, tw_memory_available(), &advice) < 0)
        return -1;
    if (!common.quiet && plan.bytes > TW_PLAN_LARGE)
        tw_warn("%s", plan.text);
    return tw_model_load(run->model, TW_USE_FROZEN, NULL);
}

/* No output destroys an input. */
static int check_places(char *const *files, int count)
{
    tw_places places = {0};
    tw_model_places(&places, "-m", model_path);
    tw_places_operands(&places, files, count);
    tw_places_output(&places, "-o", common.output ? common.output : "-");
    return tw_places_check(&places);
}

static int open_run(run *run, char **files, int count)
{
    tw_records_options records = {
        .prompt_field = text.prompt_field, .need = TW_NEED_PROMPT, .max_errors = common.max_errors};
    run->ring = tw_alloc(WINDOW, sizeof *run->ring);
    if (check_places(files, count) < 0 ||
        !(run->model = tw_model_describe(model_path, NULL, NULL)) ||
        tw_model_check_causal(run->model) != 0 ||
        !(run->new_tokens = tw_max_new_tokens(run->model, max_new_tokens)))
        return -1;
    run->prompt_limit =
        tw_model_prompt_limit(run->model, run->new_tokens, (size_t)text.max_prompt_tokens);
    if (load_model(run) < 0 || !(run->records = tw_records_open(files, count, &records)))
        return -1;
    char *digest = tw_model_digest_line(model_path);
    const char *const digests[] = {digest};
    run->writer = digest ? tw_output_open(&common, &usage, digests, 1, run->records) : NULL;
    free(digest);
    if (!run->writer)
        return -1;
    run->progress =
        tw_progress_new("records", common.quiet ? 0 : tw_count_lines(files, count), common.quiet);
    return 0;
}

static int decode_all(run *run)
{
    tw_decode_options decode = {.sampling = sampling,
                                .seed = (uint64_t)common.seed,
                                .max_new_tokens = run->new_tokens,
                                .min_new_tokens = (size_t)min_new_tokens,
                                .batch_tokens = (size_t)batch_tokens};
    if (beams > 0)
        decode.beam = (tw_beam_options){(size_t)beams, length_penalty, early_stopping};
    tw_decode_calls calls = {next_request, request_done, run};
    if (tw_decode(run->model, &decode, &calls) < 0 || run->failed)
        return -1;
    if (run->cut && !common.quiet)
        tw_warn("%" PRIu64 " prompts were longer than %zu tokens and were cut %s", run->cut,
                run->prompt_limit, tw_truncate_place((tw_truncate)text.truncate));
    return 0;
}

static int close_run(run *run, int status)
{
    status = tw_output_close(run->writer, run->progress, status);
    if (status < 0)
        tw_warn("%s", tw_error());
    for (; run->ring && run->written < run->read; run->written++)
        clear_item(&run->ring[run->written % WINDOW]);
    free(run->ring);
    tw_records_close(run->records);
    tw_model_free(run->model);
    return status < 0 ? TW_EXIT_DATA : TW_EXIT_OK;
}

/* A search draws nothing, and only a search has hypotheses. */
static int check_options(void)
{
    if (tw_kernels_check() < 0)
        return -1;
    if (beams < 0)
        return length_penalty == 1 && early_stopping == 0
                   ? 0
                   : tw_fail("--length-penalty and --early-stopping are for --beams");
    if (sampling.greedy || sampling.temperature != 1 || sampling.top_k > 0 || sampling.top_p < 1)
        return tw_fail("--beams goes without --greedy, --temperature, --top-k and --top-p");
    if (samples > beams)
        return tw_fail("--samples %" PRId64 " exceeds --beams %" PRId64, samples, beams);
    return 0;
}

int main(int argc, char **argv)
{
    const int first = tw_options_or_exit(&usage, argc, argv, check_options);
    tw_common_apply(&common);
    run run = {0};
    int status = open_run(&run, argv + first, argc - first);
    if (status == 0)
        status = decode_all(&run);
    return close_run(&run, status);
}
