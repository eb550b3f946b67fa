#ifndef TW_METRIC_EXAMPLES_H
#define TW_METRIC_EXAMPLES_H

#include <stddef.h>
#include <stdint.h>

#include "metric/verbalizers.h"

/* Labelled texts: a stream of records {"text": ..., "label": ...}, kept in memory. */

typedef struct tw_example {
    char *text;
    uint64_t line;
    uint32_t label; /* index of the class */
} tw_example;

typedef struct tw_examples {
    char *file; /* for messages */
    tw_example *all;
    size_t count, capacity;
} tw_examples;

/* Reads a file whole. At least one example; a bad one is an error,
 * named by file and line. -1 with a message; clear in any case. */
int tw_examples_read(tw_examples *examples, const char *path, const tw_verbalizers *verbalizers);
void tw_examples_clear(tw_examples *examples);

/* A random share of `count` examples, drawn without replacement and keyed by (seed, key):
 * fraction * count of them, rounded to the nearest, at least one, as ascending indexes in
 * picked[count]. Returns how many. */
size_t tw_examples_pick(size_t count, double fraction, uint64_t seed, uint64_t key,
                        uint32_t *picked);

#endif
