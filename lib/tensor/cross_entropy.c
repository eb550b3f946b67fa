#include <string.h>

#include "core/math.h"
#include "tensor/gemm.h"
#include "tensor/kernels/kernels.h"
#include "tensor/op.h"
#include "tensor/threads.h"
#include "tensor/weight.h"

/* Rows whose logits are held at a time. */
enum { CHUNK = 256 };

typedef struct chunk {
    size_t first, rows, vocabulary;
    float *logits; /* [rows, vocabulary]; becomes its gradient */
    double *loss;  /* [CHUNK] */
    const tw_token_loss *token;
    bool gradient;
} chunk;

/* One row: softmax in place, nll and entropy, then the gradient in place. */
static void finish_row(const chunk *at, size_t i)
{
    const tw_token_loss *token = at->token;
    size_t n = at->vocabulary, row = at->first + i, target = (size_t)token->targets[row];
    float *p = at->logits + i * n;
    if (token->bias)
        tw_row_axpy(p, token->bias->x, n, 1);
    float max = tw_row_max(p, n), target_logit = p[target] - max;
    /* H = log sum - sum p log p', with log p' = logit - max */
    const tw_exp_sums sums = tw_kernel->row->exp_sums(p, n, max);
    float log_sum = (float)tw_log((double)sums.sum), nll = log_sum - target_logit;
    float entropy = log_sum - sums.weighted / sums.sum;
    float w = token->nll_weight ? token->nll_weight[row] : 0;
    float v = token->entropy_weight ? token->entropy_weight[row] : 0;
    if (token->nll)
        token->nll[row] = nll;
    if (token->entropy)
        token->entropy[row] = entropy;
    at->loss[i] = (double)w * nll + (double)v * entropy;
    if (!at->gradient)
        return;
    const tw_logit_gradient gradient = {max + log_sum, entropy, w, v};
    tw_kernel->row->logit_gradient(p, n, &gradient);
    p[target] -= w;
}

static double finish_chunk(const chunk *at)
{
#pragma omp parallel for if (tw_worth_threads(at->rows * at->vocabulary))
    for (size_t i = 0; i < at->rows; i++)
        finish_row(at, i);
    double loss = 0;
    for (size_t i = 0; i < at->rows; i++)
        loss += at->loss[i];
    return loss;
}

enum { COLUMNS = 512 };

/* bias.dx += sum of the rows of d loss / d logits; a block of columns a task. */
static void add_bias_gradient(const chunk *at)
{
    tw_tensor *bias = at->token->bias;
    if (!at->gradient || !bias || !bias->wants_dx)
        return;
#pragma omp parallel for if (tw_worth_threads(at->rows * at->vocabulary))
    for (size_t first = 0; first < at->vocabulary; first += COLUMNS) {
        size_t left = at->vocabulary - first, columns = left < COLUMNS ? left : COLUMNS;
        for (size_t i = 0; i < at->rows; i++)
            tw_row_axpy(bias->dx + first, at->logits + i * at->vocabulary + first, columns, 1);
    }
}

double tw_cross_entropy(tw_tape *tape, tw_tensor *hidden, tw_tensor *weight,
                        const tw_token_loss *loss)
{
    size_t n = weight->rows, d = weight->width;
    bool gradient = tw_tape_recording(tape) && (loss->nll_weight || loss->entropy_weight);
    tw_arena *arena = tw_tape_arena(tape);
    double chunk_loss[CHUNK], total = 0;
    bool fresh = false;
    float *dx = gradient && hidden->wants_dx ? tw_gradient(tape, hidden, &fresh) : NULL;
    tw_arena_mark mark = tw_arena_now(arena);
    chunk at = {.vocabulary = n,
                .logits = tw_arena_alloc(arena, (size_t)CHUNK * n, sizeof(float)),
                .loss = chunk_loss,
                .token = loss,
                .gradient = gradient};
    for (; at.first < hidden->rows; at.first += CHUNK) {
        at.rows = hidden->rows - at.first < CHUNK ? hidden->rows - at.first : CHUNK;
        const float *x = hidden->x + at.first * d;
        tw_weight_gemm(true, at.rows, x, d, weight, false, at.logits, n);
        total += finish_chunk(&at);
        add_bias_gradient(&at);
        if (dx)
            tw_weight_gemm(false, at.rows, at.logits, n, weight, !fresh, dx + at.first * d, d);
        if (gradient && weight->wants_dx)
            tw_gemm(true, false, n, d, at.rows, 1, at.logits, n, x, d, 1, weight->dx, d);
    }
    tw_arena_reset(arena, mark);
    return total;
}
