#ifndef TW_TENSOR_KERNELS_SUMS_H
#define TW_TENSOR_KERNELS_SUMS_H

/* Sums in fixed lanes (rows.h has the definition), for the kernels that sum along a row. A row is
 * summed in parts of CHUNK numbers, so that what is summed can be computed into a buffer before. */

#include "tensor/kernels/lanes.h"
#include "tensor/kernels/rows.h"

enum { VECTORS = TW_SUM_LANES / TW_LANES, CHUNK = 512 };

_Static_assert(CHUNK % TW_SUM_LANES == 0, "a row's parts hold whole lanes");

/* The lanes of a sum. */
typedef struct lanes {
    tw_lanes x[VECTORS];
} lanes;

static inline float number(const lanes *sums, size_t i)
{
    return sums->x[i / TW_LANES][i % TW_LANES];
}

/* In halves. */
static inline float add_lanes(const lanes *sums)
{
    float x[TW_SUM_LANES];
    memcpy(x, sums->x, sizeof x);
    for (size_t half = TW_SUM_LANES / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            x[i] += x[i + half];
    return x[0];
}

/* The last numbers of a row, fewer than the lanes, the others `rest`. */
static inline lanes load_last(const float *x, size_t count, float rest)
{
    float last[TW_SUM_LANES];
    lanes to;
    for (size_t i = 0; i < TW_SUM_LANES; i++)
        last[i] = i < count ? x[i] : rest;
    memcpy(to.x, last, sizeof last);
    return to;
}

/* Vector by vector: a copy of the whole goes through memory. */
static inline lanes load(const float *x)
{
    lanes to;
    for (size_t v = 0; v < VECTORS; v++)
        to.x[v] = tw_load(x + v * TW_LANES);
    return to;
}

static inline void add(lanes *sums, lanes x)
{
    for (size_t v = 0; v < VECTORS; v++)
        sums->x[v] += x.x[v];
}

static inline void add_product(lanes *sums, lanes a, lanes b)
{
    for (size_t v = 0; v < VECTORS; v++)
        sums->x[v] = tw_fma(a.x[v], b.x[v], sums->x[v]);
}

/* sums += x[n], n a multiple of the lanes but for the last part of a row. */
static inline void add_part(lanes *sums, const float *x, size_t n)
{
    size_t i = 0;
    for (; i + TW_SUM_LANES <= n; i += TW_SUM_LANES)
        add(sums, load(x + i));
    if (i < n)
        add(sums, load_last(x + i, n - i, 0));
}

static inline void add_products(lanes *sums, const float *a, const float *b, size_t n)
{
    size_t i = 0;
    for (; i + TW_SUM_LANES <= n; i += TW_SUM_LANES)
        add_product(sums, load(a + i), load(b + i));
    if (i < n)
        add_product(sums, load_last(a + i, n - i, 0), load_last(b + i, n - i, 0));
}

#endif
