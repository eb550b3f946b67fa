#include "model/row-search.h"

#include <math.h>
#include <string.h>

#include "model/row-parts.h"
#include "tensor/kernels/rows.h"

size_t tw_row_gather(const tw_search_row *row, float low, float high, float *found,
                     uint64_t *places)
{
    size_t count = 0;
    for (size_t first = 0; first < row->n; first += TW_ROW_STRIP) {
        if (row->tops[first / TW_ROW_STRIP] < low)
            continue;
        const size_t end = row->n - first < TW_ROW_STRIP ? row->n : first + TW_ROW_STRIP;
        for (size_t i = first; i < end; i++) { /* without a branch that is hard to predict */
            const float x = row->x[i];
            found[count] = x;
            places[count] = i;
            count += (size_t)(x >= low) & (size_t)(x < high);
        }
    }
    return count;
}

/* Hoare's FIND; x is rearranged. */
static float kth_largest(float *x, size_t n, size_t k)
{
    const ptrdiff_t wanted = (ptrdiff_t)k - 1;
    ptrdiff_t first = 0, last = (ptrdiff_t)n - 1;
    while (first < last) {
        const float pivot = x[wanted];
        ptrdiff_t i = first, j = last;
        while (i <= j) {
            while (x[i] > pivot)
                i++;
            while (x[j] < pivot)
                j--;
            if (i > j)
                break;
            const float moved = x[i];
            x[i++] = x[j];
            x[j--] = moved;
        }
        if (j < wanted)
            first = i;
        if (wanted < i)
            last = j;
    }
    return x[wanted];
}

float tw_row_kth(const tw_search_row *row, size_t k, float *found, uint64_t *places)
{
    const size_t strips = tw_row_strips(row->n);
    float low = -INFINITY;
    if (k <= strips) { /* k strips have a number as large as this */
        memcpy(found, row->tops, strips * sizeof *found);
        low = kth_largest(found, strips, k);
    }
    const size_t count = tw_row_gather(row, low, INFINITY, found, places);
    return kth_largest(found, count, k);
}
