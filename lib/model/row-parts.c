#include "model/row-parts.h"

#include <stdlib.h>
#include <string.h>

#include "core/math.h"
#include "core/memory.h"
#include "tensor/kernels/kernels.h"

void tw_row_parts_release(tw_row_parts *parts)
{
    free(parts->tops);
    *parts = (tw_row_parts){0};
}

size_t tw_row_strips(size_t n)
{
    return (n + TW_ROW_STRIP - 1) / TW_ROW_STRIP;
}

static void make_room(tw_row_parts *parts, size_t n)
{
    if (parts->room >= n)
        return;
    const size_t strips = tw_row_strips(n), count = (n + TW_ROW_PART - 1) / TW_ROW_PART;
    parts->tops = tw_realloc(parts->tops, strips + 3 * count, sizeof *parts->tops);
    parts->sums = parts->tops + strips;
    parts->peaks = parts->sums + count;
    parts->factors = parts->peaks + count;
    parts->room = n;
}

float tw_row_look(tw_row_parts *parts, const float *x, size_t n, float scale, bool only_tops)
{
    make_room(parts, n);
    tw_kernel->row->parts(x, n, scale, parts->tops, only_tops ? NULL : parts->sums);
    const size_t strips = tw_row_strips(n), each = TW_ROW_PART / TW_ROW_STRIP;
    parts->count = 0;
    for (size_t first = 0; first < strips; first += each)
        parts->peaks[parts->count++] =
            tw_row_max(parts->tops + first, strips - first < each ? strips - first : each);
    return tw_row_max(parts->peaks, parts->count);
}

double tw_part_mass(const tw_row_parts *parts, size_t j)
{
    return (double)parts->sums[j] * (double)parts->factors[j];
}

double tw_row_mass(tw_row_parts *parts, float max, float scale)
{
    memcpy(parts->factors, parts->peaks, parts->count * sizeof *parts->factors);
    tw_kernel->row->exp_scaled(parts->factors, parts->count, max, scale);
    double mass = 0;
    for (size_t j = 0; j < parts->count; j++)
        mass += tw_part_mass(parts, j);
    return mass;
}

double tw_row_log_sum(tw_row_parts *parts, const float *x, size_t n, float *max)
{
    *max = tw_row_look(parts, x, n, 1, false);
    return (double)*max + tw_log(tw_row_mass(parts, *max, 1));
}
