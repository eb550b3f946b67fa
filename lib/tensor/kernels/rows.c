#include "tensor/kernels/rows.h"

#include "tensor/kernels/functions.h"
#include "tensor/kernels/sums.h"

static float row_max(const float *x, size_t n)
{
    lanes most = load_last(x, 0, x[0]);
    size_t i = 0;
    for (; i + TW_SUM_LANES <= n; i += TW_SUM_LANES) {
        const lanes next = load(x + i);
        for (size_t v = 0; v < VECTORS; v++)
            most.x[v] = tw_larger(next.x[v], most.x[v]);
    }
    const lanes last = most; /* most itself stays in registers */
    float max = x[0];
    for (size_t l = 0; l < TW_SUM_LANES; l++)
        max = number(&last, l) > max ? number(&last, l) : max;
    for (; i < n; i++)
        max = x[i] > max ? x[i] : max;
    return max;
}

static float row_sum(const float *x, size_t n)
{
    lanes sums = {{{0}}};
    add_part(&sums, x, n);
    return add_lanes(&sums);
}

static float row_dot(const float *a, const float *b, size_t n)
{
    lanes sums = {{{0}}};
    add_products(&sums, a, b, n);
    return add_lanes(&sums);
}

static float row_squares(const float *x, size_t n, float mean)
{
    float part[CHUNK];
    lanes sums = {{{0}}};
    for (size_t first = 0; first < n; first += CHUNK) {
        const size_t count = n - first < CHUNK ? n - first : CHUNK;
        for (size_t i = 0; i < count; i++)
            part[i] = x[first + i] - mean;
        add_products(&sums, part, part, count);
    }
    return add_lanes(&sums);
}

static float row_exp(float *x, size_t n, float max)
{
    for (size_t i = 0; i < n; i++)
        x[i] = tw_expf(x[i] - max);
    return row_sum(x, n);
}

static float row_exp_sum(const float *x, size_t n, float max)
{
    float part[CHUNK];
    lanes sums = {{{0}}};
    for (size_t first = 0; first < n; first += CHUNK) {
        const size_t count = n - first < CHUNK ? n - first : CHUNK;
        for (size_t i = 0; i < count; i++)
            part[i] = tw_expf(x[first + i] - max);
        add_part(&sums, part, count);
    }
    return add_lanes(&sums);
}

static tw_exp_sums row_exp_sums(const float *x, size_t n, float max)
{
    float shifted[CHUNK], part[CHUNK];
    lanes sums = {{{0}}}, weighted = {{{0}}};
    for (size_t first = 0; first < n; first += CHUNK) {
        const size_t count = n - first < CHUNK ? n - first : CHUNK;
        for (size_t i = 0; i < count; i++) {
            shifted[i] = x[first + i] - max;
            part[i] = tw_expf(shifted[i]);
        }
        add_part(&sums, part, count);
        add_products(&weighted, part, shifted, count);
    }
    return (tw_exp_sums){add_lanes(&sums), add_lanes(&weighted)};
}

static void row_exp_scaled(float *x, size_t n, float max, float scale)
{
    for (size_t i = 0; i < n; i++)
        x[i] = tw_expf((x[i] - max) * scale);
}

_Static_assert(TW_ROW_PART % TW_ROW_STRIP == 0, "a part holds whole strips");

static void row_parts(const float *x, size_t n, float scale, float *tops, float *sums)
{
    float part[TW_ROW_PART];
    for (size_t first = 0; first < n; first += TW_ROW_PART) {
        const size_t count = n - first < TW_ROW_PART ? n - first : TW_ROW_PART;
        float most = -__builtin_inff();
        for (size_t at = 0; at < count; at += TW_ROW_STRIP) {
            const size_t left = count - at;
            const float top = row_max(x + first + at, left < TW_ROW_STRIP ? left : TW_ROW_STRIP);
            most = top > most ? top : most;
            *tops++ = top;
        }
        if (!sums)
            continue;
        most = most > -__builtin_inff() ? most : 0;
        for (size_t i = 0; i < count; i++)
            part[i] = tw_expf((x[first + i] - most) * scale);
        *sums++ = row_sum(part, count);
    }
}

static void row_logit_gradient(float *z, size_t n, const tw_logit_gradient *of)
{
    const tw_logit_gradient g = *of;
    for (size_t i = 0; i < n; i++) {
        const float log_p = z[i] - g.log_z;
        z[i] = tw_expf(log_p) * (g.nll_weight - g.entropy_weight * (log_p + g.entropy));
    }
}

static void row_softmax_gradient(float *restrict ds, const float *restrict p, size_t n, float mean)
{
    for (size_t i = 0; i < n; i++)
        ds[i] = p[i] * (ds[i] - mean);
}

static void row_scale(float *x, size_t n, float factor)
{
    for (size_t i = 0; i < n; i++)
        x[i] *= factor;
}

static void row_axpy(float *restrict y, const float *restrict x, size_t n, float factor)
{
    for (size_t i = 0; i < n; i++)
        y[i] = __builtin_fmaf(factor, x[i], y[i]);
}

const tw_row_kernels TW_AT_LEVEL(tw_row_kernels) = {.max = row_max,
                                                    .sum = row_sum,
                                                    .dot = row_dot,
                                                    .squares = row_squares,
                                                    .exp = row_exp,
                                                    .exp_sum = row_exp_sum,
                                                    .exp_sums = row_exp_sums,
                                                    .parts = row_parts,
                                                    .exp_scaled = row_exp_scaled,
                                                    .logit_gradient = row_logit_gradient,
                                                    .softmax_gradient = row_softmax_gradient,
                                                    .scale = row_scale,
                                                    .axpy = row_axpy};
