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

void tw_ranks_of_given(const size_t *given, size_t count, double ties, size_t *ranks)
{
    double *scores = tw_alloc(count, sizeof *scores);
    size_t *dense = tw_alloc(count, sizeof *dense), known = 0;
    for (size_t i = 0; i < count; i++)
        if (given[i] > 0)
            scores[known++] = -(double)given[i];
    tw_ranks(scores, known, ties, dense);
    for (size_t i = 0, k = 0; i < count; i++)
        ranks[i] = given[i] > 0 ? dense[k++] : 0;
    free(scores);
    free(dense);
}
