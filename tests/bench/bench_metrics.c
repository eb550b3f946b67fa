/* Pairs of texts that ROUGE (1, 2, L and Lsum, stemmed) and METEOR measure in a second, on one
 * core and from a cold start. Usage: bench_metrics PAIRS.jsonl
 * Each line has `reference` and `candidate`. Prints {"pairs", "rouge", "meteor"} as JSON. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/error.h"
#include "core/memory.h"
#include "metric/judge.h"

enum {
    ROUGES = TW_METRIC_BIT(TW_ROUGE1) | TW_METRIC_BIT(TW_ROUGE2) | TW_METRIC_BIT(TW_ROUGEL) |
             TW_METRIC_BIT(TW_ROUGELSUM)
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static json_t *read_pairs(const char *path)
{
    json_t *pairs = json_array(), *pair;
    FILE *file = fopen(path, "r");
    while (file && (pair = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL)))
        json_array_append_new(pairs, pair);
    if (file)
        fclose(file);
    return pairs;
}

/* Pairs a second; -1 on failure. */
static double rate(const json_t *pairs, unsigned metrics, const tw_wordnet *wordnet)
{
    size_t i;
    json_t *pair;
    double values[TW_METRICS], seconds;
    const double start = now();
    tw_judge *judge = tw_judge_new(metrics, true, wordnet);
    json_array_foreach(pairs, i, pair)
    {
        const json_t *reference = json_object_get(pair, "reference");
        const json_t *candidate = json_object_get(pair, "candidate");
        tw_judge_reference(judge, json_string_value(reference), json_string_length(reference));
        if (tw_judge_text(judge, json_string_value(candidate), json_string_length(candidate),
                          values) != 0)
            break;
    }
    seconds = now() - start;
    tw_judge_free(judge);
    return i > 0 && i == json_array_size(pairs) ? (double)i / seconds : -1;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: bench_metrics PAIRS.jsonl\n");
        return 2;
    }
    json_t *pairs = read_pairs(argv[1]);
    tw_wordnet *wordnet = tw_wordnet_open(NULL);
    const double rouge = rate(pairs, ROUGES, NULL);
    const double meteor = wordnet ? rate(pairs, TW_METRIC_BIT(TW_METEOR), wordnet) : -1;
    printf("{\"pairs\": %zu, \"rouge\": %.0f, \"meteor\": %.0f}\n", json_array_size(pairs), rouge,
           meteor);
    if (rouge < 0 || meteor < 0)
        fprintf(stderr, "bench_metrics: %s: %s\n", argv[1],
                *tw_error() ? tw_error() : "expected pairs of texts");
    tw_wordnet_close(wordnet);
    json_decref(pairs);
    return rouge < 0 || meteor < 0;
}
