/* Model FLOP/s of an mle step of a decoder, as a share of what sgemm reaches in the
 * same run. Usage: bench_train CONFIG TOKENIZER [ROUNDS]
 *
 * Counted per row: 6 FLOPs a parameter (forward 2, backward 4), parameters without the
 * embeddings; the output layer on the rows that it is computed on; attention 12 FLOPs a
 * visible key, channel and layer. The optimizer's time is in, its FLOPs are not. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/rng.h"
#include "tensor/gemm.h"
#include "train/adam.h"
#include "train/objective.h"

enum { BATCH = 16, PROMPT = 64, COMPLETION = 12, STEPS = 5, SIZE = 2048 };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, by_value);
    return values[count / 2];
}

/* FLOP/s of C = A B with matrices of SIZE rows and columns. */
static double sgemm_rate(const float *a, const float *b, float *c)
{
    double start = omp_get_wtime();
    for (int i = 0; i < 4; i++)
        tw_gemm(false, false, SIZE, SIZE, SIZE, 1, a, SIZE, b, SIZE, 0, c, SIZE);
    return 4 * 2.0 * SIZE * SIZE * SIZE / (omp_get_wtime() - start);
}

/* The weights that every row meets: matrices other than embeddings and the output's. */
static double layer_weights(const tw_params *params)
{
    static const char *const others[] = {"embed", "wte", "wpe", "lm_head"};
    double count = 0;
    for (size_t i = 0; i < params->count; i++) {
        const tw_tensor *weight = params->tensors[i];
        bool inside = weight->rank == 2;
        for (size_t k = 0; k < sizeof others / sizeof *others; k++)
            inside = inside && !strstr(weight->name, others[k]);
        if (inside)
            count += (double)(weight->rows * weight->width);
    }
    return count;
}

static double step_flops(const tw_model *model, double prompt_weight)
{
    const tw_config *config = &model->config;
    double width = (double)config->hidden_size;
    double rows = BATCH * (PROMPT + COMPLETION - 1);
    double outputs = BATCH * (COMPLETION + (prompt_weight > 0 ? PROMPT - 1 : 0));
    double length = PROMPT + COMPLETION - 1;
    double keys = BATCH * length * (length + 1) / 2;
    return 6 * layer_weights(&model->params) * rows + 12 * width * keys * (double)config->layers +
           6 * (double)config->vocab_size * width * outputs;
}

static double step_seconds(tw_learner *learner, tw_adam *adam, const tw_example *const *examples)
{
    const double size = tw_mle_size(learner, examples, BATCH);
    tw_objective_report report = {0};
    double start = omp_get_wtime();
    for (int i = 0; i < STEPS; i++) {
        tw_mle(learner, examples, BATCH, size, &report);
        double norm = tw_gradient_norm(&learner->policy->params);
        tw_adam_step(adam, 1e-3, tw_clip_factor(norm, 5));
    }
    return (omp_get_wtime() - start) / STEPS;
}

static void fill(tw_example *examples, int32_t vocabulary)
{
    for (uint32_t i = 0; i < BATCH; i++) {
        int32_t *ids = tw_alloc(PROMPT + COMPLETION, sizeof *ids);
        for (uint32_t j = 0; j < PROMPT + COMPLETION; j++)
            ids[j] = (int32_t)(tw_random(1, TW_RNG_INIT, i, 0, j) % (uint64_t)vocabulary);
        examples[i].prompt = (tw_ids){ids, PROMPT};
        examples[i].completion = (tw_ids){ids + PROMPT, COMPLETION};
    }
}

int main(int argc, char **argv)
{
    int rounds = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 9;
    if (argc < 3 || rounds < 1 || rounds > 999)
        return TW_EXIT_USAGE;
    tw_set_program("bench_train");
    tw_model *model = tw_model_init(argv[1], argv[2], 1);
    if (!model)
        return tw_warn("%s", tw_error()), TW_EXIT_DATA;
    tw_example examples[BATCH] = {0};
    const tw_example *batch[BATCH];
    fill(examples, (int32_t)model->config.vocab_size);
    for (int i = 0; i < BATCH; i++)
        batch[i] = &examples[i];
    tw_learner learner = {
        .policy = model, .tape = tw_tape_new(true), .frozen_tape = tw_tape_new(false)};
    tw_adam adam;
    tw_adam_init(&adam, &model->params, &tw_adam_defaults);
    size_t size = (size_t)SIZE * SIZE;
    float *a = tw_alloc(3 * size, sizeof *a);
    printf("%s\n", tw_gemm_name());
    for (int variant = 0; variant < 2; variant++) {
        double rate[1000], share[1000];
        learner.prompt_weight = variant;
        double flops = step_flops(model, learner.prompt_weight);
        step_seconds(&learner, &adam, batch);
        for (int i = 0; i < rounds; i++) {
            double sgemm = sgemm_rate(a, a + size, a + 2 * size);
            rate[i] = flops / step_seconds(&learner, &adam, batch);
            share[i] = rate[i] / sgemm;
        }
        printf("mle step, %d x (%d + %d) tokens, %s: %.1f GFLOP/s, %.0f %% of sgemm "
               "(medians of %d)\n",
               BATCH, PROMPT, COMPLETION, variant ? "prompt loss too" : "completion loss",
               median(rate, rounds) / 1e9, 100 * median(share, rounds), rounds);
    }
    for (int i = 0; i < BATCH; i++)
        free(examples[i].prompt.ids);
    free(a);
    tw_adam_free(&adam);
    tw_learner_free(&learner);
    tw_model_free(model);
    return TW_EXIT_OK;
}
