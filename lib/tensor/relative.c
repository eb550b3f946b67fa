#include "core/math.h"
#include "tensor/attention.h"
#include "tensor/weight.h"

size_t tw_relative_bucket(int64_t distance, size_t buckets, tw_buckets rule)
{
    size_t first = 0, away = (size_t)(distance < 0 ? -distance : 0);
    if (rule.bidirectional) {
        buckets /= 2;
        first = distance > 0 ? buckets : 0;
        away = (size_t)(distance < 0 ? -distance : distance);
    }
    size_t exact = buckets / 2;
    if (away < exact)
        return first + away;
    /* In fp32, as the model learned it: a distance at the edge of a bucket must not change sides.
     */
    const float ratio = (float)away / (float)exact;
    float octaves =
        (float)tw_log((double)ratio) / (float)tw_log((double)rule.max_distance / (double)exact);
    size_t wide = exact + (size_t)(octaves * (float)(buckets - exact));
    return first + (wide < buckets ? wide : buckets - 1);
}

typedef struct node {
    tw_relative relative;
    tw_tensor *table;
    size_t *buckets; /* [width] of each distance */
} node;

/* Replayed after all layers that added to the gradient. */
static void relative_backward(tw_tape *tape, void *args)
{
    (void)tape;
    const node *node = args;
    size_t heads = node->table->width, width = tw_relative_width(&node->relative);
    for (size_t h = 0; h < heads; h++)
        for (size_t i = 0; i < width; i++)
            node->table->dx[node->buckets[i] * heads + h] +=
                node->relative.gradients[h * width + i];
}

const tw_relative *tw_relative_of(tw_tape *tape, tw_tensor *table, tw_buckets rule,
                                  const tw_batch *batch)
{
    tw_arena *arena = tw_tape_arena(tape);
    node *node = tw_arena_zero(arena, 1, sizeof *node);
    node->table = table;
    node->relative.longest = 1;
    for (size_t s = 0; s < batch->count; s++) {
        size_t length = batch->segments[s].past + batch->segments[s].length;
        if (length > node->relative.longest)
            node->relative.longest = length;
    }
    size_t width = tw_relative_width(&node->relative), heads = table->width;
    node->buckets = tw_arena_alloc(arena, width, sizeof *node->buckets);
    float *values = tw_arena_alloc(arena, heads * width, sizeof *values);
    float *rows = tw_arena_alloc(arena, table->rows * heads, sizeof *rows);
    tw_weight_values(table, rows);
    for (size_t i = 0; i < width; i++) {
        int64_t distance = (int64_t)i - (int64_t)(node->relative.longest - 1);
        node->buckets[i] = tw_relative_bucket(distance, table->rows, rule);
        for (size_t h = 0; h < heads; h++)
            values[h * width + i] = rows[node->buckets[i] * heads + h];
    }
    node->relative.values = values;
    if (tw_tape_recording(tape) && table->wants_dx) {
        node->relative.gradients = tw_arena_zero(arena, heads * width, sizeof(float));
        tw_tape_push(tape, relative_backward, node);
    }
    return &node->relative;
}
