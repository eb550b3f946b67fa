#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "guidance/plackett-luce.h"
#include "metric/model_measure.h"
#include "metric/ranking.h"
#include "model/prompt.h"

enum { PAIRWISE, KENDALL, NDCG, REWARD, COLUMNS };
static const tw_column columns[COLUMNS] = {[PAIRWISE] = {.name = "pairwise"},
                                           [KENDALL] = {.name = "kendall"},
                                           [NDCG] = {.name = "ndcg"},
                                           [REWARD] = {.name = "reward"}};

typedef struct guidance_measure {
    tw_measure base;
    const tw_guidance *guidance;
    tw_sequence_options options;
    tw_sequences sequences;
    tw_batch batch;
    tw_tape *tape;
} guidance_measure;

static void compute(void *context, const tw_sequences *sequences, size_t from, size_t to)
{
    guidance_measure *measure = context;
    tw_batch *batch = &measure->batch;
    size_t prompt = 0;
    tw_batch_clear(batch);
    for (size_t i = from; i < to; i++) {
        const tw_sequence *sequence = &sequences->all[i];
        const tw_ids *ids = &sequences->prompts[sequence->record];
        if (tw_sequences_opens(sequences, from, i))
            prompt = tw_model_add_prompt(measure->guidance->model, batch, ids->ids, ids->count);
        tw_batch_add(batch, sequence->ids.ids, sequence->ids.count, (int64_t)prompt);
    }
    const tw_tensor *rewards = tw_guidance_rewards(measure->guidance, measure->tape, batch);
    memcpy(sequences->all[from].values, rewards->x, rewards->rows * sizeof *rewards->x);
    tw_tape_reset(measure->tape);
}

/* A value that a record lacks where it is NaN. */
static void put(double value, double weight, double *to, double *to_weight)
{
    *to = isnan(value) ? 0 : value;
    *to_weight = isnan(value) ? 0 : weight;
}

/* The true order as learn-guidance reads it (train/data.h): by `score` where all samples have
 * one, else by `rank`, samples without being not chosen. Without any rank those with a score are
 * ordered, the others not judged. Moves e[count] of the judged to its front; returns how many. */
static size_t read_order(const tw_sequence *all, size_t count, double *scores, double *e)
{
    size_t scored = 0, ranked = 0, judged = 0;
    for (size_t k = 0; k < count; k++) {
        scored += json_is_number(json_object_get(all[k].json, "score"));
        ranked += json_is_number(json_object_get(all[k].json, "rank"));
    }
    const bool by_rank = scored < count && ranked > 0;
    for (size_t k = 0; k < count; k++) {
        const json_t *given = json_object_get(all[k].json, by_rank ? "rank" : "score");
        if (!by_rank && !json_is_number(given))
            continue;
        e[judged] = e[k];
        const double value = json_number_value(given);
        scores[judged++] = !by_rank ? value : json_is_number(given) ? -value : TW_NOT_CHOSEN;
    }
    return judged;
}

/* How well the rewards order the record's samples; e of METHOD.md is over all of them. */
static void measure_order(const guidance_measure *measure, size_t record, double *values,
                          double *weights)
{
    const tw_sequences *sequences = &measure->sequences;
    const tw_sequence *all = &sequences->all[sequences->first[record]];
    const size_t count = sequences->first[record + 1] - sequences->first[record];
    size_t *lengths = tw_alloc(count, sizeof *lengths);
    double *e = tw_alloc(count, sizeof *e), *scores = tw_alloc(count, sizeof *scores);
    tw_pairs pairs = {0};
    for (size_t k = 0; k < count; k++)
        lengths[k] = all[k].ids.count;
    tw_aggregate_scores(&measure->guidance->settings.aggregate, all->values, lengths, count, e);
    const size_t judged = read_order(all, count, scores, e);
    tw_count_pairs(scores, e, judged, &pairs);
    put(pairs.right / (double)pairs.count, (double)pairs.count, values + PAIRWISE,
        weights + PAIRWISE);
    put(tw_kendall_tau_b(scores, e, judged), 1, values + KENDALL, weights + KENDALL);
    put(tw_ndcg(scores, e, judged), 1, values + NDCG, weights + NDCG);
    free(lengths);
    free(e);
    free(scores);
}

/* A sample that was read from its text gets the ids that the rewards belong to. */
static void write_tokens(const guidance_measure *measure, const tw_sequence *sequence)
{
    if (json_object_get(sequence->json, "tokens") && !measure->options.encoding.retokenize)
        return;
    json_t *tokens = json_array();
    for (size_t t = 0; t < sequence->ids.count; t++)
        json_array_append_new(tokens, json_integer(sequence->ids.ids[t]));
    json_object_set_new(sequence->json, "tokens", tokens);
}

static int finish(void *context, const tw_record *record, size_t i, double *values, double *weights)
{
    const guidance_measure *measure = context;
    const tw_sequences *sequences = &measure->sequences;
    size_t tokens = 0;
    const double sum = tw_sequences_sum(sequences, i, &tokens);
    if (tw_sequences_write(sequences, record, i, "rewards") != 0)
        return -1;
    for (size_t s = sequences->first[i]; record->samples && s < sequences->first[i + 1]; s++)
        write_tokens(measure, &sequences->all[s]);
    weights[PAIRWISE] = weights[KENDALL] = weights[NDCG] = 0;
    if (record->samples)
        measure_order(measure, i, values, weights);
    values[REWARD] = sum / (double)tokens;
    weights[REWARD] = (double)tokens;
    return 0;
}

static int run(tw_measure *base, tw_block *block, const tw_findings *findings)
{
    guidance_measure *measure = (guidance_measure *)base;
    return tw_sequences_measure(&measure->sequences, block, findings, compute, finish, measure);
}

static void free_measure(tw_measure *base)
{
    guidance_measure *measure = (guidance_measure *)base;
    tw_sequences_clear(&measure->sequences);
    tw_batch_free(&measure->batch);
    tw_tape_free(measure->tape);
    free(measure);
}

tw_measure *tw_guidance_measure(const tw_guidance *guidance, const tw_sequence_options *options)
{
    if (tw_encoding_check(&options->encoding) != 0)
        return NULL;
    guidance_measure *measure = tw_alloc(1, sizeof *measure);
    measure->base = (tw_measure){columns, COLUMNS, run, free_measure};
    measure->guidance = guidance;
    measure->options = *options;
    measure->sequences.options = &measure->options;
    measure->tape = tw_tape_new(false);
    return &measure->base;
}
