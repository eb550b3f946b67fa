#include "metric/greedy_match.h"

#include <math.h>
#include <string.h>

#include "tensor/gemm.h"
#include "tensor/kernels/kernels.h"

static double weighted_mean(const float *values, const tw_vectors *text)
{
    double sum = 0, weight = 0;
    for (size_t i = 0; i < text->count; i++) {
        sum += (double)text->weight[i] * values[i];
        weight += text->weight[i];
    }
    return weight > 0 ? sum / weight : 0;
}

static double total_weight(const tw_vectors *text)
{
    double total = 0;
    for (size_t i = 0; i < text->count; i++)
        total += text->weight[i];
    return total;
}

/* to = the larger of both, element by element. */
static void keep_larger(float *restrict to, const float *restrict from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = from[i] > to[i] ? from[i] : to[i];
}

tw_likeness tw_greedy_match(const tw_vectors *reference, const tw_vectors *candidate, size_t width,
                            tw_scratch *scratch)
{
    const size_t n = candidate->count, m = reference->count;
    if (!(total_weight(reference) > 0 && total_weight(candidate) > 0))
        return (tw_likeness){0, 0, 0};
    float *similar = tw_scratch_room(scratch, n * m + n + m, sizeof *similar);
    float *of_candidate = similar + n * m, *of_reference = of_candidate + n;
    tw_gemm(false, true, n, m, width, 1, candidate->x, width, reference->x, width, 0, similar, m);
    memcpy(of_reference, similar, m * sizeof *of_reference);
    for (size_t i = 0; i < n; i++) {
        of_candidate[i] = tw_row_max(similar + i * m, m);
        keep_larger(of_reference, similar + i * m, m);
    }
    tw_likeness found = {weighted_mean(of_candidate, candidate),
                         weighted_mean(of_reference, reference), 0};
    const double f1 = 2 * found.precision * found.recall / (found.precision + found.recall);
    found.f1 = isfinite(f1) ? f1 : 0;
    return found;
}
