#include "metric/written.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "metric/judge.h"
#include "model/decode.h"

struct tw_written {
    tw_expression *expression;
    tw_wordnet *wordnet; /* NULL: METEOR is not asked for */
    tw_judge *judge;
};

tw_written *tw_written_open(tw_expression *expression)
{
    tw_written *written = tw_alloc(1, sizeof *written);
    const unsigned metrics = tw_metrics_used(expression);
    written->expression = expression;
    if (metrics & TW_METRIC_BIT(TW_METEOR) && !(written->wordnet = tw_wordnet_open(NULL))) {
        tw_written_free(written);
        return NULL;
    }
    written->judge = tw_judge_new(metrics, true, written->wordnet);
    return written;
}

void tw_written_free(tw_written *written)
{
    if (!written)
        return;
    tw_judge_free(written->judge);
    tw_wordnet_close(written->wordnet);
    tw_expression_free(written->expression);
    free(written);
}

typedef struct run {
    const tw_written *written;
    const tw_tokenizer *tokenizer;
    const tw_example *examples;
    tw_request *requests; /* [count], those of the examples */
    double *values;       /* [count]: requests are done in any order, their sum is in one */
    size_t count, begun;
} run;

static tw_request *next(void *context)
{
    run *run = context;
    return run->begun < run->count ? &run->requests[run->begun++] : NULL;
}

static int done(void *context, tw_request *request)
{
    run *run = context;
    const size_t at = (size_t)(request - run->requests);
    const tw_example *example = &run->examples[at];
    const tw_sample *sample = &request->samples[0];
    double values[TW_METRICS];
    char *text = tw_tokenizer_decode(run->tokenizer, sample->tokens, sample->count);
    if (!text)
        return -1;
    tw_judge_reference(run->written->judge, example->text, strlen(example->text));
    const int status = tw_judge_text(run->written->judge, text, strlen(text), values);
    free(text);
    tw_request_clear(request);
    if (status != 0)
        return tw_fail_in("line %llu", (unsigned long long)example->line);
    run->values[at] = tw_expression_value(run->written->expression, values);
    return isfinite(run->values[at])
               ? 0
               : tw_fail("line %llu: the value of what is written for it is not a number",
                         (unsigned long long)example->line);
}

int tw_written_mean(tw_written *written, const tw_model *model, const tw_example *examples,
                    size_t count, size_t new_tokens, size_t batch_tokens, double *mean)
{
    tw_decode_options options = {.sampling = tw_sampling_defaults,
                                 .max_new_tokens = new_tokens,
                                 .batch_tokens = batch_tokens};
    options.sampling.greedy = true;
    run run = {written, model->tokenizer, examples, NULL, NULL, count, 0};
    const tw_decode_calls calls = {next, done, &run};
    run.requests = tw_alloc(count, sizeof *run.requests);
    run.values = tw_alloc(count, sizeof *run.values);
    for (size_t i = 0; i < count; i++)
        run.requests[i] = (tw_request){.prompt = examples[i].prompt.ids,
                                       .length = examples[i].prompt.count,
                                       .key = examples[i].key,
                                       .count = 1};
    const int status = tw_decode(model, &options, &calls);
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        tw_request_clear(&run.requests[i]);
        sum += run.values[i];
    }
    *mean = sum / (double)count;
    free(run.requests);
    free(run.values);
    return status;
}
