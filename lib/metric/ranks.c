#include "metric/ranks.h"

#include <stdlib.h>

#include "core/memory.h"

typedef struct place {
    double score;
    size_t index;
} place;

static int best_first(const void *a, const void *b)
{
    const place *x = a, *y = b;
    return (x->score < y->score) - (x->score > y->score);
}

void tw_ranks(const double *scores, size_t count, double ties, size_t *ranks)
{
    place few[64];
    place *places = count <= sizeof few / sizeof *few ? few : tw_alloc(count, sizeof *places);
    for (size_t i = 0; i < count; i++)
        places[i] = (place){scores[i], i};
    qsort(places, count, sizeof *places, best_first);
    for (size_t i = 0, opened = 0; i < count; i++) {
        if (places[opened].score - places[i].score > ties)
            opened = i;
        ranks[places[i].index] = opened + 1;
    }
    if (places != few)
        free(places);
}
