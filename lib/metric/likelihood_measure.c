#include <stdlib.h>

#include "core/memory.h"
#include "metric/model_measure.h"
#include "train/forest.h"

enum { NLL, PERPLEXITY, COLUMNS };
static const tw_column columns[COLUMNS] = {{.name = "nll"},
                                           {.name = "perplexity", .exponential = true}};

typedef struct likelihood_measure {
    tw_measure base;
    const tw_model *model;
    tw_sequence_options options;
    tw_sequences sequences;
    tw_forest forest;
    tw_tape *tape;
} likelihood_measure;

/* A forest's targets are those of its completions, in their order. */
static void compute(void *context, const tw_sequences *sequences, size_t from, size_t to)
{
    likelihood_measure *measure = context;
    tw_forest *forest = &measure->forest;
    size_t prompt = 0;
    tw_forest_clear(forest);
    for (size_t i = from; i < to; i++) {
        const tw_sequence *sequence = &sequences->all[i];
        const tw_ids *ids = &sequences->prompts[sequence->record];
        if (tw_sequences_opens(sequences, from, i))
            prompt = tw_forest_prompt(forest, measure->model, ids->ids, ids->count);
        tw_forest_completion(forest, prompt, sequence->ids.ids, sequence->ids.count);
    }
    tw_forest_loss(forest, measure->model, measure->tape);
    float *values = sequences->all[from].values;
    for (size_t i = 0; i < forest->count; i++)
        values[i] = -forest->nll[i];
}

static int finish(void *context, const tw_record *record, size_t i, double *values, double *weights)
{
    const likelihood_measure *measure = context;
    const tw_sequences *sequences = &measure->sequences;
    size_t tokens = 0;
    const double sum = tw_sequences_sum(sequences, i, &tokens);
    if (tw_sequences_write(sequences, record, i, "logprobs") != 0)
        return -1;
    values[NLL] = values[PERPLEXITY] = -sum / (double)tokens;
    weights[NLL] = weights[PERPLEXITY] = (double)tokens;
    return 0;
}

static int run(tw_measure *base, tw_block *block, const tw_findings *findings)
{
    likelihood_measure *measure = (likelihood_measure *)base;
    return tw_sequences_measure(&measure->sequences, block, findings, compute, finish, measure);
}

static void free_measure(tw_measure *base)
{
    likelihood_measure *measure = (likelihood_measure *)base;
    tw_sequences_clear(&measure->sequences);
    tw_forest_free(&measure->forest);
    tw_tape_free(measure->tape);
    free(measure);
}

tw_measure *tw_likelihood_measure(const tw_model *model, const tw_sequence_options *options)
{
    if (tw_encoding_check(&options->encoding) != 0)
        return NULL;
    likelihood_measure *measure = tw_alloc(1, sizeof *measure);
    measure->base = (tw_measure){columns, COLUMNS, run, free_measure};
    measure->model = model;
    measure->options = *options;
    measure->sequences.options = &measure->options;
    measure->tape = tw_tape_new(false);
    return &measure->base;
}
