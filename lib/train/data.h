#ifndef TW_TRAIN_DATA_H
#define TW_TRAIN_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/memory.h"
#include "stream/record.h"
#include "text/tokenizer.h"
#include "train/encoding.h"

/* Data sets in memory, as token ids, and the order in which training visits them. */

typedef struct tw_data_options {
    tw_encoding encoding;
    bool refuse_equal;          /* groups: one without a preference is bad */
    tw_records_options records; /* field names, max_errors; `need` is set by the loader */
} tw_data_options;

/* Counted while loading, for the notes of the programs. */
typedef struct tw_data_counts {
    uint64_t records, rejected, prompts_cut, completions_cut;
    uint64_t tokens; /* prompts and completions */
    uint64_t merged; /* groups with a generation that, cut to fit, is another one of other score */
} tw_data_counts;

/* A record of training text. */
typedef struct tw_example {
    uint64_t key, line;
    tw_ids prompt;     /* never empty */
    tw_ids completion; /* EOS at its end unless it was cut; count 0 if the record has none */
    const char *text;  /* the completion as text; NULL if it has none */
} tw_example;

typedef struct tw_generation {
    tw_ids ids;   /* never empty */
    double score; /* of a group read by ranks: minus the rank, or TW_NOT_CHOSEN */
} tw_generation;

/* A ranked group: generations of one prompt. */
typedef struct tw_group {
    uint64_t key, line;
    tw_ids prompt; /* never empty */
    tw_generation *generations;
    size_t count;  /* at least 2 */
    double weight; /* scales its loss; positive */
    bool equal;    /* there is no preference: all scores are equal, or see counts.merged */
} tw_group;

typedef struct tw_data {
    tw_arena *arena;      /* holds all ids and texts */
    tw_example *examples; /* [count], tw_data_load_texts */
    tw_group *groups;     /* [count], tw_data_load_groups */
    size_t count;
    tw_data_counts counts;
    uint64_t digest;  /* of ids, scores and their order */
    char *provenance; /* of the first file, "" if none */
} tw_data;

/* Training text from files (count 0: standard input): `prompt`, `completion`.
 * need_completion: a record without one is bad. -1 on failure, the message has
 * `file:line: field:` in front. */
int tw_data_load_texts(tw_data *data, char *const *files, int count, const tw_data_options *options,
                       bool need_completion);

/* Ranked groups: `prompt`, `samples` with `score` and `tokens` or `text`, `weight`
 * (1 without). Where a sample has no score all are read by `rank` (1 is best, ties
 * share): one without rank was not chosen, at least one must have one. Without
 * `tokens` the text is encoded, and closed by EOS unless `finish` is "length". A group
 * of one is bad. When most samples' `tokens` do not decode to their `text`, they are of
 * another vocabulary: a failure. */
int tw_data_load_groups(tw_data *data, char *const *files, int count,
                        const tw_data_options *options);

void tw_data_free(tw_data *data);

/* Draws for each record whether it is held out (with probability fraction, a function of
 * seed and the record's key alone) and moves those behind the others, both parts in
 * their order. Returns the number of the others. */
size_t tw_data_hold_out(tw_data *data, uint64_t seed, double fraction);

/* Removes the groups that are `equal`; returns how many they were. */
size_t tw_data_drop_equal(tw_data *data);

/* The order of visits: epoch after epoch, each a fresh permutation, a function of (seed,
 * n) alone. Batches are cut from it wherever they fall, so all have the same size. */
typedef struct tw_order {
    uint64_t seed;
    size_t count;
    uint64_t epoch;        /* that `permutation` is of; UINT64_MAX: none yet */
    uint32_t *permutation; /* [count] */
} tw_order;

void tw_order_init(tw_order *order, uint64_t seed, size_t count); /* count >= 1 */
void tw_order_free(tw_order *order);
/* Item of visit n (from 0); *epoch: how often each item was visited before. */
uint32_t tw_order_at(tw_order *order, uint64_t n, uint64_t *epoch);

#endif
