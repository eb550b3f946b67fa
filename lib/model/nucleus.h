#ifndef TW_MODEL_NUCLEUS_H
#define TW_MODEL_NUCLEUS_H

#include <stddef.h>
#include <stdint.h>

#include "model/row-search.h"

/* Top-p: the fewest heaviest tokens that together reach a mass, and a draw from them. */

typedef struct tw_nucleus {
    tw_search_row row;
    float max, scale; /* a token weighs exp(scale (x - max)), max the largest of the row */
    float floor;      /* tokens below do not take part; > -infinity */
    double enough;    /* the mass to be reached; all that take part if they do not reach it */
} tw_nucleus;

/* A token, where the heavier ones come first, of equals those of lower id: the first with which
 * the mass passes uniform times that of the nucleus. Masses are summed in double, by levels of
 * weights that differ by a factor of e^3 at most, within which such a sum is exact. So the result
 * depends on the row alone, not on the way to it. found and keys have room for n + 1. */
int32_t tw_nucleus_draw(const tw_nucleus *nucleus, double uniform, float *found, uint64_t *keys);

#endif
