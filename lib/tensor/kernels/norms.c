#include "tensor/kernels/norms.h"

#include "tensor/kernels/sums.h"

static void forward(const tw_norm_row *row, const float *bias, float *restrict y)
{
    const float *restrict x = row->x, *restrict gain = row->gain;
    const float mean = row->mean, scale = row->scale;
    const size_t n = row->n;
    if (bias)
        for (size_t j = 0; j < n; j++)
            y[j] = (x[j] - mean) * scale * gain[j] + bias[j];
    else
        for (size_t j = 0; j < n; j++)
            y[j] = x[j] * scale * gain[j];
}

static void add_gains(const tw_norm_row *row, const tw_norm_gradient *at)
{
    const float *restrict x = row->x, *restrict dy = at->dy;
    float *restrict dgain = at->dgain, *restrict dbias = at->dbias;
    const float mean = row->mean, scale = row->scale;
    for (size_t j = 0; j < row->n; j++)
        dgain[j] += dy[j] * ((x[j] - mean) * scale);
    for (size_t j = 0; dbias && j < row->n; j++)
        dbias[j] += dy[j];
}

/* Sums over the row of g, and of g z. */
typedef struct means {
    float g, gz;
} means;

static means sum_row(const tw_norm_row *row, const float *restrict dy)
{
    float g[CHUNK], z[CHUNK];
    lanes of_g = {{{0}}}, of_gz = {{{0}}};
    const float mean = row->mean, scale = row->scale;
    for (size_t first = 0; first < row->n; first += CHUNK) {
        const size_t count = row->n - first < CHUNK ? row->n - first : CHUNK;
        const float *restrict x = row->x + first, *restrict gain = row->gain + first;
        for (size_t j = 0; j < count; j++) {
            g[j] = dy[first + j] * gain[j];
            z[j] = (x[j] - mean) * scale;
        }
        add_part(&of_g, g, count);
        add_products(&of_gz, g, z, count);
    }
    return (means){add_lanes(&of_g) / (float)row->n, add_lanes(&of_gz) / (float)row->n};
}

static void backward(const tw_norm_row *row, const tw_norm_gradient *at)
{
    add_gains(row, at);
    if (!at->dx)
        return;
    means of = sum_row(row, at->dy);
    if (!at->dbias)
        of.g = 0;
    const float *restrict x = row->x, *restrict gain = row->gain, *restrict dy = at->dy;
    float *restrict dx = at->dx;
    const float mean = row->mean, scale = row->scale;
    for (size_t j = 0; j < row->n; j++)
        dx[j] += (dy[j] * gain[j] - of.g - (x[j] - mean) * scale * of.gz) * scale;
}

const tw_norm_kernels TW_AT_LEVEL(tw_norm_kernels) = {forward, backward};
