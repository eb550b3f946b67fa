#include "train/adam.h"

#include <math.h>
#include <stdlib.h>

#include "core/math.h"
#include "core/memory.h"

const tw_adam_options tw_adam_defaults = {
    .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .weight_decay = 0, .decoupled = true};

/* Work is dealt out in blocks of this many floats. Where a block begins depends on
 * its tensor only, so neither vector remainders nor the order of sums change with the
 * number of threads. Tensors are padded to multiples of LANES. */
enum { BLOCK = 1 << 14, LANES = 16 };

/* With no more blocks than this, waking the threads costs more than they do. */
enum { FEW = 8 };

typedef struct block {
    size_t first, count;
    bool decays;
} block;

/* The caller frees. */
static block *cut(const tw_params *params, size_t *count)
{
    size_t blocks = 0;
    for (size_t i = 0; i < params->count; i++)
        blocks += (tw_tensor_room(params->tensors[i]) + BLOCK - 1) / BLOCK;
    block *list = tw_alloc(blocks, sizeof *list);
    *count = 0;
    for (size_t i = 0; i < params->count; i++) {
        const tw_tensor *tensor = params->tensors[i];
        size_t size = tw_tensor_room(tensor), base = (size_t)(tensor->x - params->x);
        for (size_t at = 0; at < size; at += BLOCK)
            list[(*count)++] =
                (block){base + at, size - at < BLOCK ? size - at : BLOCK, tensor->rank > 1};
    }
    return list;
}

void tw_adam_init(tw_adam *adam, const tw_params *params, const tw_adam_options *options)
{
    *adam = (tw_adam){.options = *options, .params = params};
    adam->m = tw_alloc(params->size, 2 * sizeof *adam->m);
    adam->v = adam->m + params->size;
}

void tw_adam_free(tw_adam *adam)
{
    free(adam->m);
    *adam = (tw_adam){0};
}

/* The numbers of one update, as floats. */
typedef struct update {
    float scale, step_size, root_correction, epsilon;
    float beta2, rest1, rest2; /* rest: 1 - beta, rounded once */
    float shrink;              /* decoupled: 1 - lr * decay */
    float pull;                /* not decoupled: decay */
} update;

static void update_block(const update *u, size_t count, float *restrict x, float *restrict dx,
                         float *restrict m, float *restrict v)
{
    for (size_t i = 0; i < count; i++) {
        float g = u->scale * dx[i] + u->pull * x[i];
        float m_new = m[i] + u->rest1 * (g - m[i]);
        float v_new = u->beta2 * v[i] + u->rest2 * g * g;
        float root = sqrtf(v_new) * u->root_correction + u->epsilon;
        x[i] = u->shrink * x[i] - u->step_size * m_new / root;
        m[i] = m_new;
        v[i] = v_new;
        dx[i] = 0;
    }
}

void tw_adam_step(tw_adam *adam, double learning_rate, double scale)
{
    const tw_adam_options *options = &adam->options;
    const tw_params *params = adam->params;
    adam->step++;
    double correction1 = 1 - tw_pow(options->beta1, (double)adam->step);
    double correction2 = 1 - tw_pow(options->beta2, (double)adam->step);
    update plain = {.scale = (float)scale,
                    .beta2 = (float)options->beta2,
                    .rest1 = (float)(1 - options->beta1),
                    .rest2 = (float)(1 - options->beta2),
                    .step_size = (float)(learning_rate / correction1),
                    .root_correction = (float)(1 / sqrt(correction2)),
                    .epsilon = (float)options->epsilon,
                    .shrink = 1,
                    .pull = 0};
    update decaying = plain;
    if (options->decoupled)
        decaying.shrink = (float)(1 - learning_rate * options->weight_decay);
    else
        decaying.pull = (float)options->weight_decay;
    size_t count = 0;
    block *blocks = cut(params, &count);
#pragma omp parallel for schedule(static) if (count > FEW)
    for (size_t i = 0; i < count; i++) {
        size_t first = blocks[i].first;
        update_block(blocks[i].decays ? &decaying : &plain, blocks[i].count, params->x + first,
                     params->dx + first, adam->m + first, adam->v + first);
    }
    free(blocks);
}

static double sum_of_squares(const float *x, size_t count)
{
    double sums[LANES] = {0}, total = 0;
    for (size_t i = 0; i < count; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            sums[j] += (double)x[i + j] * (double)x[i + j];
    for (size_t j = 0; j < LANES; j++)
        total += sums[j];
    return total;
}

double tw_gradient_norm(const tw_params *params)
{
    size_t count = 0;
    block *blocks = cut(params, &count);
    double *squares = tw_alloc(count, sizeof *squares), total = 0;
#pragma omp parallel for schedule(static) if (count > FEW)
    for (size_t i = 0; i < count; i++)
        squares[i] = sum_of_squares(params->dx + blocks[i].first, blocks[i].count);
    for (size_t i = 0; i < count; i++)
        total += squares[i];
    free(squares);
    free(blocks);
    return sqrt(total);
}

double tw_clip_factor(double norm, double limit)
{
    return limit > 0 ? fmin(1, limit / (norm + 1e-6)) : 1;
}
