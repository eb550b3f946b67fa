#include <string.h>

#include "core/math.h"
#include "tensor/op.h"
#include "tensor/threads.h"

struct tw_rotation {
    size_t rows, pairs;   /* of a head */
    float *cosine, *sine; /* [rows, pairs] */
};

typedef struct rope {
    const tw_rotation *rotation;
    tw_tensor *x, *y;
} rope;

const tw_rotation *tw_rotation_of(tw_tape *tape, const float *frequencies, size_t pairs,
                                  const tw_batch *batch)
{
    tw_arena *arena = tw_tape_arena(tape);
    tw_rotation *rotation = tw_arena_alloc(arena, 1, sizeof *rotation);
    *rotation = (tw_rotation){.rows = batch->rows,
                              .pairs = pairs,
                              .cosine = tw_arena_alloc(arena, batch->rows * pairs, sizeof(float)),
                              .sine = tw_arena_alloc(arena, batch->rows * pairs, sizeof(float))};
#pragma omp parallel for if (tw_worth_threads(batch->rows * pairs))
    for (size_t r = 0; r < batch->rows; r++)
        for (size_t i = 0; i < pairs; i++) {
            /* The angle in fp32, as models are trained with it; far out that is coarse. */
            float angle = (float)batch->positions[r] * frequencies[i];
            rotation->cosine[r * pairs + i] = (float)tw_cos((double)angle);
            rotation->sine[r * pairs + i] = (float)tw_sin((double)angle);
        }
    return rotation;
}

static void turn(const float *restrict x, float *restrict y, size_t pairs,
                 const float *restrict cosine, const float *restrict sine)
{
    for (size_t i = 0; i < pairs; i++) {
        y[i] = x[i] * cosine[i] - x[pairs + i] * sine[i];
        y[pairs + i] = x[pairs + i] * cosine[i] + x[i] * sine[i];
    }
}

/* Back by the same angles: the transpose of a rotation. dx += ... */
static void turn_back(const float *restrict dy, float *restrict dx, size_t pairs,
                      const float *restrict cosine, const float *restrict sine)
{
    for (size_t i = 0; i < pairs; i++) {
        dx[i] += dy[i] * cosine[i] + dy[pairs + i] * sine[i];
        dx[pairs + i] += dy[pairs + i] * cosine[i] - dy[i] * sine[i];
    }
}

static void rope_backward(tw_tape *tape, void *args)
{
    rope *op = args;
    if (!op->y->dx)
        return;
    size_t width = op->x->width, pairs = op->rotation->pairs;
    bool fresh;
    float *dx = tw_gradient(tape, op->x, &fresh);
#pragma omp parallel for if (tw_worth_threads(op->x->rows * width))
    for (size_t r = 0; r < op->x->rows; r++) {
        if (fresh)
            memset(dx + r * width, 0, width * sizeof *dx);
        for (size_t at = r * width; at < (r + 1) * width; at += 2 * pairs)
            turn_back(op->y->dx + at, dx + at, pairs, op->rotation->cosine + r * pairs,
                      op->rotation->sine + r * pairs);
    }
}

tw_tensor *tw_rope(tw_tape *tape, tw_tensor *x, const tw_rotation *rotation)
{
    size_t width = x->width, pairs = rotation->pairs;
    tw_tensor *y = tw_activation(tape, x->rows, width, x->wants_dx);
#pragma omp parallel for if (tw_worth_threads(x->rows * width))
    for (size_t r = 0; r < x->rows; r++)
        for (size_t at = r * width; at < (r + 1) * width; at += 2 * pairs)
            turn(x->x + at, y->x + at, pairs, rotation->cosine + r * pairs,
                 rotation->sine + r * pairs);
    if (y->wants_dx) {
        rope *op = tw_arena_alloc(tw_tape_arena(tape), 1, sizeof *op);
        *op = (rope){rotation, x, y};
        tw_tape_push(tape, rope_backward, op);
    }
    return y;
}
