#ifndef TW_METRIC_SEQUENCES_H
#define TW_METRIC_SEQUENCES_H

#include <stddef.h>

#include "metric/measure.h"
#include "train/encoding.h"

/* The texts of a block of records as a model sees them, one number a token, and the
 * batches in which they are computed. What the measures by models share. */

typedef struct tw_sequence_options {
    tw_encoding encoding;
    const char *completion_field; /* for messages; NULL: "completion" */
    size_t batch_rows;            /* rows of a forward pass, exceeded by a longer sequence only */
    tw_encoded *encoded;          /* added to; borrowed */
} tw_sequence_options;

typedef struct tw_sequence {
    size_t record; /* index in the block */
    json_t *json;  /* where its numbers go: a sample, or the record; borrowed */
    tw_ids ids;    /* never empty */
    float *values; /* [ids.count], yet to be filled; those of a record lie end to end */
} tw_sequence;

typedef struct tw_sequences {
    const tw_sequence_options *options;
    tw_sequence *all; /* [count], in the order of the records */
    size_t count, capacity;
    size_t first[TW_BLOCK_RECORDS + 1]; /* those of record i: first[i] .. first[i + 1] */
    tw_ids prompts[TW_BLOCK_RECORDS];   /* of records with sequences */
    float *values;                      /* of all */
} tw_sequences;

/* Computes the sequences from .. to - 1 in one pass: fills their values. */
typedef void tw_sequences_pass(void *context, const tw_sequences *sequences, size_t from,
                               size_t to);

/* Whether sequence i is the first of its record in a pass that begins at `from`: its
 * prompt comes before it. */
bool tw_sequences_opens(const tw_sequences *sequences, size_t from, size_t i);

/* Fills values[] and weights[] of record i, whose sequences are computed. -1: it is bad. */
typedef int tw_sequences_finish(void *context, const tw_record *record, size_t i, double *values,
                                double *weights);

/* The run of a measure: encodes the samples of each record of the block, or the completion of
 * one without samples, computes them in passes, and finishes each record. A bad record gets
 * its message in findings->errors and, like one that has one already, is left out. Fails when
 * the samples' tokens are of another vocabulary. */
int tw_sequences_measure(tw_sequences *sequences, const tw_block *block,
                         const tw_findings *findings, tw_sequences_pass *pass,
                         tw_sequences_finish *finish, void *context);

/* Puts the values of record i into its samples, or into itself, under a name. -1 when one is
 * not finite, with field and token. */
int tw_sequences_write(const tw_sequences *sequences, const tw_record *record, size_t i,
                       const char *name);

/* Sum of the values, and tokens, of one record. */
double tw_sequences_sum(const tw_sequences *sequences, size_t record, size_t *tokens);

/* Frees what it holds, not the struct. */
void tw_sequences_clear(tw_sequences *sequences);

#endif
