/* Time of a draw from a row of logits, per way of drawing, on one thread.
 * usage: bench_sampler [VOCABULARY [DEVIATION]]      49152 logits, normal with deviation 2.5 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/memory.h"
#include "core/rng.h"
#include "model/sampler.h"

enum { ROWS = 16, ROUNDS = 25, WAYS = 7 };

static const struct {
    const char *name;
    tw_sampling sampling;
} ways[WAYS] = {
    {"greedy", {.greedy = true, .temperature = 1, .top_p = 1, .repetition_penalty = 1}},
    {"temperature 1", {.temperature = 1, .top_p = 1, .repetition_penalty = 1}},
    {"temperature 0.7", {.temperature = 0.7, .top_p = 1, .repetition_penalty = 1}},
    {"top-k 50", {.temperature = 1, .top_k = 50, .top_p = 1, .repetition_penalty = 1}},
    {"top-k 1000", {.temperature = 1, .top_k = 1000, .top_p = 1, .repetition_penalty = 1}},
    {"top-p 0.9", {.temperature = 1, .top_p = 0.9, .repetition_penalty = 1}},
    {"top-p 0.9 of top-k 50",
     {.temperature = 1, .top_k = 50, .top_p = 0.9, .repetition_penalty = 1}},
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Seconds of a draw, the least of all rounds. */
static double measure(tw_sampler *sampler, const tw_sampling *sampling, const float *logits,
                      size_t vocabulary)
{
    double least = 1e9;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        const double start = now();
        for (uint32_t i = 0; i < ROWS; i++)
            tw_sample_token(sampler, sampling, logits + i * vocabulary, vocabulary, NULL, 0, NULL,
                            tw_uniform(2, TW_RNG_SAMPLE, round, 0, i));
        const double seconds = (now() - start) / ROWS;
        least = seconds < least ? seconds : least;
    }
    return least;
}

int main(int argc, char **argv)
{
    const size_t vocabulary = argc > 1 ? strtoul(argv[1], NULL, 10) : 49152;
    const double deviation = argc > 2 ? strtod(argv[2], NULL) : 2.5;
    if (vocabulary < 1 || vocabulary > 1U << 24 || argc > 3) {
        fprintf(stderr, "usage: bench_sampler [VOCABULARY [DEVIATION]]\n");
        return 2;
    }
    float *logits = tw_alloc(ROWS * vocabulary, sizeof *logits);
    for (uint32_t i = 0; i < ROWS * vocabulary; i++)
        logits[i] = (float)(deviation * tw_normal(1, TW_RNG_INIT, 0, 0, i));
    tw_sampler sampler = {0};
    for (size_t way = 0; way < WAYS; way++)
        printf("%-24s %9.0f ns\n", ways[way].name,
               1e9 * measure(&sampler, &ways[way].sampling, logits, vocabulary));
    tw_sampler_free(&sampler);
    free(logits);
    return 0;
}
