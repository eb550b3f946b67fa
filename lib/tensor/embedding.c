#include <string.h>

#include "tensor/op.h"
#include "tensor/threads.h"
#include "tensor/weight.h"

typedef struct embedding {
    tw_tensor *tokens, *positions, *y;
    int32_t *ids; /* [rows] tokens, then [rows] positions: the batch may change */
} embedding;

enum { COLUMNS = 64 };

/* table.dx[ids[r]] += dy[r]; a block of columns a task, so that no two tasks meet. */
static void scatter(const tw_tensor *y, tw_tensor *table, const int32_t *ids)
{
#pragma omp parallel for if (tw_worth_threads(y->rows * y->width))
    for (size_t first = 0; first < y->width; first += COLUMNS) {
        size_t last = first + COLUMNS < y->width ? first + COLUMNS : y->width;
        for (size_t r = 0; r < y->rows; r++) {
            float *to = table->dx + (size_t)ids[r] * y->width;
            const float *from = y->dx + r * y->width;
            for (size_t j = first; j < last; j++)
                to[j] += from[j];
        }
    }
}

static void embedding_backward(tw_tape *tape, void *args)
{
    (void)tape;
    embedding *op = args;
    if (!op->y->dx)
        return;
    if (op->tokens->wants_dx)
        scatter(op->y, op->tokens, op->ids);
    if (op->positions && op->positions->wants_dx)
        scatter(op->y, op->positions, op->ids + op->y->rows);
}

tw_tensor *tw_embedding(tw_tape *tape, tw_tensor *token_table, tw_tensor *position_table,
                        const tw_batch *batch)
{
    size_t rows = batch->rows, width = token_table->width;
    bool wants_dx = token_table->wants_dx || (position_table && position_table->wants_dx);
    tw_tensor *y = tw_activation(tape, rows, width, wants_dx);
#pragma omp parallel for if (tw_worth_threads(rows * width))
    for (size_t r = 0; r < rows; r++) {
        float *to = y->x + r * width;
        tw_weight_row(token_table, (size_t)batch->tokens[r], false, to);
        if (position_table)
            tw_weight_row(position_table, (size_t)batch->positions[r], true, to);
    }
    if (y->wants_dx) {
        embedding *op = tw_arena_alloc(tw_tape_arena(tape), 1, sizeof *op);
        int32_t *ids = tw_arena_alloc(tw_tape_arena(tape), 2 * rows, sizeof *ids);
        memcpy(ids, batch->tokens, rows * sizeof *ids);
        memcpy(ids + rows, batch->positions, rows * sizeof *ids);
        *op = (embedding){token_table, position_table, y, ids};
        tw_tape_push(tape, embedding_backward, op);
    }
    return y;
}
