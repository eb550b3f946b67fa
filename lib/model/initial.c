#include "model/initial.h"

#include "core/rng.h"

void tw_initial_constant(tw_tensor *tensor, float value)
{
    for (size_t i = 0; i < tensor->rows * tensor->width; i++)
        tensor->x[i] = value;
}

void tw_initial_normal(tw_tensor *tensor, size_t index, uint64_t seed, double deviation)
{
    size_t count = tensor->rows * tensor->width;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i++)
        tensor->x[i] = (float)(deviation * tw_normal(seed, TW_RNG_INIT, index, (uint32_t)(i >> 32),
                                                     (uint32_t)i));
}
