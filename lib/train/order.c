#include <stdlib.h>

#include "core/rng.h"
#include "train/data.h"

void tw_order_init(tw_order *order, uint64_t seed, size_t count)
{
    *order = (tw_order){.seed = seed, .count = count, .epoch = UINT64_MAX};
    order->permutation = tw_alloc(count, sizeof *order->permutation);
}

void tw_order_free(tw_order *order)
{
    free(order->permutation);
    *order = (tw_order){0};
}

uint32_t tw_order_at(tw_order *order, uint64_t n, uint64_t *epoch)
{
    *epoch = n / order->count;
    if (*epoch != order->epoch)
        tw_permutation(order->seed, TW_RNG_SHUFFLE, *epoch, 0, order->count, order->permutation);
    order->epoch = *epoch;
    return order->permutation[n % order->count];
}
