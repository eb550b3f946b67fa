#include "tensor/tape.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

typedef struct node {
    tw_backward_fn *backward;
    void *args;
} node;

struct tw_tape {
    bool recording, recompute;
    tw_arena *arena;
    node *nodes;
    size_t count, capacity;
};

enum { ARENA_BLOCK = 8 << 20 };

tw_tape *tw_tape_new(bool recording)
{
    tw_tape *tape = tw_alloc(1, sizeof *tape);
    tape->recording = recording;
    tape->arena = tw_arena_new(ARENA_BLOCK);
    return tape;
}

void tw_tape_free(tw_tape *tape)
{
    if (!tape)
        return;
    tw_arena_free(tape->arena);
    free(tape->nodes);
    free(tape);
}

void tw_tape_reset(tw_tape *tape)
{
    tw_arena_clear(tape->arena);
    tape->count = 0;
}

tw_arena *tw_tape_arena(tw_tape *tape)
{
    return tape->arena;
}

bool tw_tape_recording(const tw_tape *tape)
{
    return tape->recording;
}

tw_tensor *tw_activation(tw_tape *tape, size_t rows, size_t width, bool wants_dx)
{
    tw_tensor *tensor = tw_arena_alloc(tape->arena, 1, sizeof *tensor);
    *tensor = (tw_tensor){.rows = rows,
                          .width = width,
                          .rank = 2,
                          .x = tw_arena_alloc(tape->arena, rows * width, sizeof(float)),
                          .wants_dx = wants_dx && tape->recording};
    return tensor;
}

tw_tensor *tw_tape_keep(tw_tape *tape, tw_arena_mark mark, tw_tensor *x)
{
    if (tape->recording)
        return x;
    tw_tensor kept = *x;
    tw_arena_reset(tape->arena, mark);
    tw_tensor *moved = tw_arena_alloc(tape->arena, 1, sizeof *moved);
    float *values = tw_arena_alloc(tape->arena, kept.rows * kept.width, sizeof *values);
    memmove(values, kept.x, kept.rows * kept.width * sizeof *values);
    kept.x = values;
    *moved = kept;
    return moved;
}

void tw_tape_push(tw_tape *tape, tw_backward_fn *backward, void *args)
{
    assert(tape->recording);
    if (tape->count == tape->capacity) {
        tape->capacity = tape->capacity ? 2 * tape->capacity : 256;
        tape->nodes = tw_realloc(tape->nodes, tape->capacity, sizeof *tape->nodes);
    }
    tape->nodes[tape->count++] = (node){backward, args};
}

float *tw_gradient(tw_tape *tape, tw_tensor *tensor, bool *fresh)
{
    *fresh = !tensor->dx;
    if (!tensor->dx)
        tensor->dx = tw_arena_alloc(tape->arena, tensor->rows * tensor->width, sizeof(float));
    return tensor->dx;
}

/* Until `first` nodes are left. */
static void replay(tw_tape *tape, size_t first)
{
    while (tape->count > first) {
        tape->count--;
        tape->nodes[tape->count].backward(tape, tape->nodes[tape->count].args);
    }
}

void tw_backward(tw_tape *tape)
{
    replay(tape, 0);
}

void tw_tape_recompute(tw_tape *tape, bool recompute)
{
    tape->recompute = recompute;
}

/* A recorded layer. */
typedef struct recorded {
    tw_layer layer;
    tw_tensor *x, *y;
    size_t first; /* its first node, if it is not recomputed */
    bool recompute;
} recorded;

/* What outlives the layer's gradients has its own before them. */
static void make_gradient(tw_tape *tape, tw_tensor *tensor)
{
    bool fresh = false;
    if (!tensor || !tensor->wants_dx)
        return;
    float *dx = tw_gradient(tape, tensor, &fresh);
    if (fresh)
        memset(dx, 0, tensor->rows * tensor->width * sizeof *dx);
}

static void layer_backward(tw_tape *tape, void *args)
{
    const recorded *op = args;
    if (!op->y->dx) {
        tape->count = op->recompute ? tape->count : op->first;
        return;
    }
    make_gradient(tape, op->x);
    make_gradient(tape, op->layer.outer);
    const tw_arena_mark mark = tw_arena_now(tape->arena);
    size_t first = op->first;
    if (op->recompute) {
        first = tape->count;
        tw_tensor *again = op->layer.run(op->layer.context, op->layer.index, op->x);
        again->dx = op->y->dx;
    }
    replay(tape, first);
    tw_arena_reset(tape->arena, mark);
}

/* The layer's output alone, with nothing recorded. */
static tw_tensor *compute_once(tw_tape *tape, const tw_layer *layer, tw_tensor *x)
{
    const bool recording = tape->recording;
    const tw_arena_mark mark = recording ? tw_arena_now(tape->arena) : layer->mark;
    tape->recording = false;
    tw_tensor *y = tw_tape_keep(tape, mark, layer->run(layer->context, layer->index, x));
    tape->recording = recording;
    y->wants_dx = recording;
    return y;
}

tw_tensor *tw_tape_layer(tw_tape *tape, const tw_layer *layer, tw_tensor *x)
{
    if (!tape->recording)
        return compute_once(tape, layer, x);
    recorded *op = tw_arena_alloc(tape->arena, 1, sizeof *op);
    *op = (recorded){*layer, x, NULL, tape->count, tape->recompute};
    op->y = tape->recompute ? compute_once(tape, layer, x)
                            : layer->run(layer->context, layer->index, x);
    tw_tape_push(tape, layer_backward, op);
    return op->y;
}
