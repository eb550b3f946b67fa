#include "guidance/head.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/rng.h"

static const double GAIN = 1e-4, BIAS = -1e-4;

static tw_tensor *declare(tw_params *params, const char *prefix, const char *suffix, int rank,
                          size_t rows, size_t width)
{
    char *name = tw_format("%s.%s", prefix, suffix);
    tw_tensor *tensor = tw_params_add(params, name, rank, rows, width);
    free(name);
    return tensor;
}

void tw_head_declare(tw_head *head, tw_params *params, const char *prefix, size_t in, size_t hidden,
                     size_t out)
{
    head->weight1 = declare(params, prefix, "0.weight", 2, hidden, in);
    head->bias1 = declare(params, prefix, "0.bias", 1, 1, hidden);
    head->weight2 = declare(params, prefix, "2.weight", 2, out, hidden);
    head->bias2 = declare(params, prefix, "2.bias", 1, 1, out);
}

static void initialise(const tw_tensor *weight, const tw_tensor *bias, uint64_t seed)
{
    double limit = GAIN * sqrt(6.0 / (double)(weight->rows + weight->width));
    uint64_t parameter = tw_hash(weight->name, strlen(weight->name));
    for (size_t i = 0; i < weight->rows * weight->width; i++) {
        double u = tw_uniform(seed, TW_RNG_INIT, parameter, 0, (uint32_t)i);
        weight->x[i] = (float)(limit * (2 * u - 1));
    }
    for (size_t i = 0; i < bias->width; i++)
        bias->x[i] = (float)BIAS;
}

void tw_head_initialise(const tw_head *head, uint64_t seed)
{
    initialise(head->weight1, head->bias1, seed);
    initialise(head->weight2, head->bias2, seed);
}

tw_tensor *tw_head_forward(const tw_head *head, tw_tape *tape, tw_tensor *h)
{
    tw_tensor *hidden = tw_linear(tape, h, head->weight1, head->bias1, TW_OUT_IN);
    hidden = tw_activate(tape, hidden, TW_RELU);
    return tw_linear(tape, hidden, head->weight2, head->bias2, TW_OUT_IN);
}

typedef struct reward_node {
    tw_tensor *z, *r;
    tw_bound_kind bound;
} reward_node;

static void reward_backward(tw_tape *tape, void *args)
{
    const reward_node *node = args;
    if (!node->z->wants_dx || !node->r->dx)
        return;
    bool fresh = false;
    float *dz = tw_gradient(tape, node->z, &fresh);
    for (size_t i = 0; i < node->z->rows * node->z->width; i++) {
        double d = (double)node->r->dx[i] * tw_bound_slope(node->bound, (double)node->z->x[i]);
        dz[i] = (float)(fresh ? d : (double)dz[i] + d);
    }
}

tw_tensor *tw_reward(tw_tape *tape, tw_tensor *z, tw_bound_kind bound)
{
    tw_tensor *r = tw_activation(tape, z->rows, z->width, z->wants_dx);
    for (size_t i = 0; i < z->rows * z->width; i++)
        r->x[i] = (float)tw_bound(bound, (double)z->x[i]);
    if (r->wants_dx) {
        reward_node *node = tw_arena_alloc(tw_tape_arena(tape), 1, sizeof *node);
        *node = (reward_node){z, r, bound};
        tw_tape_push(tape, reward_backward, node);
    }
    return r;
}
