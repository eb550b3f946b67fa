#include "model/nucleus.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "tensor/kernels/kernels.h"

/* Of weights: e^-3, e^-6, ... and, as exp(-105) is 0 in fp32, what remains. */
enum { LEVEL_WIDTH = 3, LEVELS = 36 };

/* A key is greater if its weight is, or among equals its id is lower. Weights are not negative, so
 * their bits are in their order. */
static uint64_t key_of(float weight, uint64_t id)
{
    uint32_t bits;
    memcpy(&bits, &weight, sizeof bits);
    return (uint64_t)bits << 32 | (UINT32_MAX - (uint32_t)id);
}

static int32_t id_of(uint64_t key)
{
    return (int32_t)(UINT32_MAX - (uint32_t)key);
}

static double weight_of(uint64_t key)
{
    const uint32_t bits = (uint32_t)(key >> 32);
    float weight;
    memcpy(&weight, &bits, sizeof weight);
    return (double)weight;
}

static double mass_of(const uint64_t *keys, ptrdiff_t first, ptrdiff_t end)
{
    double mass = 0;
    for (ptrdiff_t i = first; i < end; i++)
        mass += weight_of(keys[i]);
    return mass;
}

/* Keys of [*i, *j] (ends included) change places, the greater ones to the left. Then those left of
 * *i and those right of *j are apart; between them is one key or none. */
static void part(uint64_t *keys, ptrdiff_t *i, ptrdiff_t *j)
{
    const uint64_t pivot = keys[*i + (*j - *i) / 2];
    while (*i <= *j) {
        while (keys[*i] > pivot)
            ++*i;
        while (keys[*j] < pivot)
            --*j;
        if (*i > *j)
            return;
        const uint64_t moved = keys[*i];
        keys[(*i)++] = keys[*j];
        keys[(*j)--] = moved;
    }
}

/* Finds, of keys[count >= 1] in falling order, the first with which their mass reaches target, or
 * else the last. All greater ones are moved before it; *before is their mass. */
static size_t reach(uint64_t *keys, size_t count, double target, double *before)
{
    ptrdiff_t first = 0, last = (ptrdiff_t)count - 1;
    *before = 0;
    while (first < last) {
        ptrdiff_t i = first, j = last;
        part(keys, &i, &j);
        const double left = mass_of(keys, first, j + 1), middle = mass_of(keys, j + 1, i);
        if (*before + left >= target) {
            last = j;
        } else if (*before + left + middle >= target || i > last) {
            *before += left;
            return (size_t)(i - 1);
        } else {
            *before += left + middle;
            first = i;
        }
    }
    return (size_t)first;
}

/* A level of weights: keys[count]. */
typedef struct level {
    uint64_t *keys;
    size_t count;
    double mass;
} level;

static level gather(const tw_nucleus *nucleus, float low, float high, float *found, uint64_t *keys)
{
    const size_t count = tw_row_gather(&nucleus->row, low, high, found, keys);
    tw_kernel->row->exp_scaled(found, count, nucleus->max, nucleus->scale);
    for (size_t i = 0; i < count; i++)
        keys[i] = key_of(found[i], keys[i]);
    return (level){keys, count, mass_of(keys, 0, (ptrdiff_t)count)};
}

/* Levels, heaviest first, until they have enough; returns how many. Those without tokens are left
 * out. */
static size_t gather_levels(const tw_nucleus *nucleus, float *found, uint64_t *keys, level *levels)
{
    size_t count = 0;
    float high = INFINITY;
    double mass = 0;
    for (int step = 1; mass < nucleus->enough && high > nucleus->floor; step++) {
        const double reach_down = (double)(LEVEL_WIDTH * step) / (double)nucleus->scale;
        float low = (float)((double)nucleus->max - reach_down);
        low = step == LEVELS || !(low > nucleus->floor) ? nucleus->floor : low;
        levels[count] = gather(nucleus, low, high, found, keys);
        keys += levels[count].count;
        mass += levels[count].mass;
        count += levels[count].count > 0;
        high = low;
    }
    return count;
}

int32_t tw_nucleus_draw(const tw_nucleus *nucleus, double uniform, float *found, uint64_t *keys)
{
    level levels[LEVELS] = {0};
    const size_t count = gather_levels(nucleus, found, keys, levels);
    level *border = &levels[count - 1];
    assert(count > 0 && border->keys); /* the largest logit is in one */
    double above = 0, before;
    for (size_t i = 0; i + 1 < count; i++)
        above += levels[i].mass;
    const size_t end = reach(border->keys, border->count, nucleus->enough - above, &before);
    border->count = end + 1;
    border->mass = before + weight_of(border->keys[end]);
    double target = uniform * (above + border->mass);
    const level *at = levels;
    for (; at < border && target >= at->mass; at++)
        target -= at->mass;
    return id_of(at->keys[reach(at->keys, at->count, nextafter(target, INFINITY), &before)]);
}
