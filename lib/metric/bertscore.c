#include "metric/bertscore.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "metric/greedy_match.h"
#include "metric/unicode.h"
#include "model/masked-lm.h"
#include "tensor/kernels/kernels.h"

const char *const tw_bertscore_names[TW_BERTSCORE_NUMBERS + 1] = {"bertscore", "bertscoreP",
                                                                  "bertscoreR", NULL};

typedef struct text {
    tw_ids ids;
    size_t segment; /* of the pass */
} text;

typedef struct pair {
    size_t reference, candidate; /* texts */
} pair;

struct tw_bertscore {
    tw_model *model;
    size_t layer, batch_rows;
    const char *completion_field;
    text *texts; /* [text_count] */
    size_t text_count, text_capacity, reference;
    pair *pairs; /* [count] */
    size_t count, capacity;
    double *values; /* [count of the last run, TW_BERTSCORE_NUMBERS] */
    uint64_t cut;
    tw_batch batch;
    tw_tape *tape;
};

int tw_bertscore_check(const tw_bertscore_options *options, const char *wanted)
{
    if (!options->model && options->layer != TW_BERTSCORE_USUAL)
        return tw_fail("--bertscore-layer is for --bertscore-model MODEL");
    if (!options->model && wanted)
        return tw_fail("%s needs --bertscore-model MODEL", wanted);
    if (options->model && !wanted)
        return tw_fail("--bertscore-model: nothing asks for it; there are bertscore, bertscoreP "
                       "and bertscoreR");
    return 0;
}

static size_t usual_layer(size_t layers)
{
    switch (layers) {
    case 6:
        return 5;
    case 12:
        return 10;
    case 24:
        return 17;
    default:
        return layers;
    }
}

/* The layer that is wanted, within the model's. */
static int choose_layer(tw_bertscore *scorer, int64_t wanted)
{
    const size_t layers = scorer->model->config.layers;
    scorer->layer = wanted == TW_BERTSCORE_USUAL ? usual_layer(layers) : (size_t)wanted;
    if (scorer->layer > layers)
        return tw_fail("%s: layer %zu: the model has %zu", scorer->model->path, scorer->layer,
                       layers);
    return 0;
}

tw_bertscore *tw_bertscore_describe(const tw_bertscore_options *options)
{
    tw_model *model = tw_model_describe(options->model, NULL, NULL);
    if (!model)
        return NULL;
    tw_bertscore *scorer = tw_alloc(1, sizeof *scorer);
    scorer->model = model;
    scorer->batch_rows = options->batch_rows;
    scorer->completion_field = options->completion_field ? options->completion_field : "completion";
    scorer->tape = tw_tape_new(false);
    if (tw_masked_lm_check(model) == 0 && choose_layer(scorer, options->layer) == 0)
        return scorer;
    tw_bertscore_free(scorer);
    return NULL;
}

int tw_bertscore_plan(const tw_bertscore *scorer, tw_plan *plan)
{
    tw_plan_begin(plan, "bertscore");
    tw_plan_stream(plan, scorer->model, scorer->batch_rows, 0, false);
    return tw_plan_weights(plan, scorer->model, TW_USE_FROZEN);
}

int tw_bertscore_load(tw_bertscore *scorer)
{
    return tw_model_load(scorer->model, TW_USE_FROZEN, NULL);
}

tw_bertscore *tw_bertscore_open(const tw_bertscore_options *options)
{
    tw_bertscore *scorer = tw_bertscore_describe(options);
    if (!scorer || tw_bertscore_load(scorer) == 0)
        return scorer;
    tw_bertscore_free(scorer);
    return NULL;
}

static void clear_texts(tw_bertscore *scorer)
{
    for (size_t i = 0; i < scorer->text_count; i++)
        free(scorer->texts[i].ids.ids);
    scorer->text_count = scorer->count = 0;
}

void tw_bertscore_free(tw_bertscore *scorer)
{
    if (!scorer)
        return;
    clear_texts(scorer);
    free(scorer->texts);
    free(scorer->pairs);
    free(scorer->values);
    tw_batch_free(&scorer->batch);
    tw_tape_free(scorer->tape);
    tw_model_free(scorer->model);
    free(scorer);
}

/* The part of *text[length] without blanks at its ends, as Python's strip() has them. */
static size_t strip(const char **text, size_t length)
{
    const char *end = *text + length, *first = end, *last = end;
    for (const char *at = *text; at < end;) {
        const char *start = at;
        if (tw_kind_of(tw_utf8_next(&at, end)) == TW_SPACE)
            continue;
        if (first == end)
            first = start;
        last = at;
    }
    *text = first;
    return first == end ? 0 : (size_t)(last - first);
}

static int add_text(tw_bertscore *scorer, const char *from, size_t length)
{
    length = strip(&from, length);
    char *spaced = tw_alloc(length + 2, 1);
    spaced[0] = ' ';
    memcpy(spaced + 1, from, length);
    tw_ids ids = {0};
    const int cut = tw_masked_lm_encode(scorer->model, spaced, length > 0 ? length + 1 : 0, &ids);
    free(spaced);
    if (cut < 0)
        return -1;
    scorer->cut += (uint64_t)cut;
    if (scorer->text_count == scorer->text_capacity) {
        scorer->text_capacity = 2 * scorer->text_capacity + 64;
        scorer->texts = tw_realloc(scorer->texts, scorer->text_capacity, sizeof *scorer->texts);
    }
    scorer->texts[scorer->text_count++] = (text){.ids = ids};
    return 0;
}

int tw_bertscore_reference(tw_bertscore *scorer, const char *text, size_t length)
{
    scorer->reference = scorer->text_count;
    return add_text(scorer, text, length);
}

int64_t tw_bertscore_candidate(tw_bertscore *scorer, const char *text, size_t length)
{
    if (add_text(scorer, text, length) != 0)
        return -1;
    if (scorer->count == scorer->capacity) {
        scorer->capacity = 2 * scorer->capacity + 64;
        scorer->pairs = tw_realloc(scorer->pairs, scorer->capacity, sizeof *scorer->pairs);
    }
    scorer->pairs[scorer->count] = (pair){scorer->reference, scorer->text_count - 1};
    return (int64_t)scorer->count++;
}

uint64_t tw_bertscore_cut(const tw_bertscore *scorer)
{
    return scorer->cut;
}

const char *tw_bertscore_field(const tw_bertscore *scorer)
{
    return scorer->completion_field;
}

/* Whether pair i brings its reference into a pass that begins at `from`. */
static bool opens(const tw_bertscore *scorer, size_t from, size_t i)
{
    return i == from || scorer->pairs[i].reference != scorer->pairs[i - 1].reference;
}

static size_t rows_of(const tw_bertscore *scorer, size_t from, size_t i)
{
    const pair *pair = &scorer->pairs[i];
    return scorer->texts[pair->candidate].ids.count +
           (opens(scorer, from, i) ? scorer->texts[pair->reference].ids.count : 0);
}

static void add_segment(tw_bertscore *scorer, text *text)
{
    text->segment = tw_batch_add(&scorer->batch, text->ids.ids, text->ids.count, -1);
}

/* Rows of length 1, and what each counts. */
static void normalise(const tw_bertscore *scorer, tw_tensor *states, float *weight)
{
    const tw_config *config = &scorer->model->config;
#pragma omp parallel for
    for (size_t r = 0; r < states->rows; r++) {
        float *row = states->x + r * states->width;
        const int32_t id = scorer->batch.tokens[r];
        weight[r] = id == config->bos || id == config->eos ? 0.0F : 1.0F;
        const float square = tw_row_dot(row, row, states->width);
        /* One that overflows must not pass for a vector of length 0. */
        tw_row_scale(row, states->width, isfinite(square) ? 1.0F / sqrtf(square) : NAN);
    }
}

static tw_vectors vectors_of(const tw_bertscore *scorer, size_t text, const tw_tensor *states,
                             const float *weight)
{
    const tw_segment *segment = &scorer->batch.segments[scorer->texts[text].segment];
    return (tw_vectors){states->x + segment->first * states->width, weight + segment->first,
                        segment->length};
}

static void match(tw_bertscore *scorer, size_t i, const tw_tensor *states, const float *weight,
                  tw_scratch *scratch)
{
    const tw_vectors reference = vectors_of(scorer, scorer->pairs[i].reference, states, weight);
    const tw_vectors candidate = vectors_of(scorer, scorer->pairs[i].candidate, states, weight);
    const tw_likeness found = tw_greedy_match(&reference, &candidate, states->width, scratch);
    double *values = scorer->values + i * TW_BERTSCORE_NUMBERS;
    values[TW_BERTSCORE_F1] = 100 * found.f1;
    values[TW_BERTSCORE_PRECISION] = 100 * found.precision;
    values[TW_BERTSCORE_RECALL] = 100 * found.recall;
}

/* Pairs from .. to - 1. */
static void run_pass(tw_bertscore *scorer, size_t from, size_t to)
{
    tw_batch_clear(&scorer->batch);
    for (size_t i = from; i < to; i++) {
        if (opens(scorer, from, i))
            add_segment(scorer, &scorer->texts[scorer->pairs[i].reference]);
        add_segment(scorer, &scorer->texts[scorer->pairs[i].candidate]);
    }
    tw_tensor *states =
        tw_masked_lm_states(scorer->model, scorer->tape, &scorer->batch, scorer->layer);
    float *weight = tw_arena_alloc(tw_tape_arena(scorer->tape), states->rows, sizeof *weight);
    normalise(scorer, states, weight);
#pragma omp parallel
    {
        tw_scratch scratch = {0};
#pragma omp for schedule(dynamic, 4)
        for (size_t i = from; i < to; i++)
            match(scorer, i, states, weight, &scratch);
        free(scratch.data);
    }
    tw_tape_reset(scorer->tape);
}

const double *tw_bertscore_run(tw_bertscore *scorer)
{
    free(scorer->values);
    scorer->values = tw_alloc(scorer->count * TW_BERTSCORE_NUMBERS, sizeof *scorer->values);
    for (size_t from = 0, to = 0; from < scorer->count; from = to) {
        size_t rows = 0;
        do
            rows += rows_of(scorer, from, to++);
        while (to < scorer->count && rows + rows_of(scorer, from, to) <= scorer->batch_rows);
        run_pass(scorer, from, to);
    }
    clear_texts(scorer);
    return scorer->values;
}
