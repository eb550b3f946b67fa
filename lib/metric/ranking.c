#include "metric/ranking.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "core/math.h"
#include "core/memory.h"

static int sign(double a, double b)
{
    return (a > b) - (a < b);
}

double tw_kendall_tau_b(const double *scores, const double *e, size_t count)
{
    double balance = 0, apart = 0, apart_by_e = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++) {
            if (isinf(scores[i]) && isinf(scores[j]))
                continue;
            const int true_order = sign(scores[i], scores[j]), order = sign(e[i], e[j]);
            balance += true_order * order;
            apart += true_order != 0;
            apart_by_e += order != 0;
        }
    if (apart == 0)
        return NAN;
    return apart_by_e == 0 ? 0 : balance / sqrt(apart * apart_by_e);
}

typedef struct place {
    double by, gain;
} place;

/* Among equals the gains are in order too, or their sum would be that of the C library's qsort. */
static int best_first(const void *a, const void *b)
{
    const place *x = a, *y = b;
    const int order = sign(y->by, x->by);
    return order ? order : sign(y->gain, x->gain);
}

/* The discounted gain of places[count], which it sorts. */
static double discounted(place *places, size_t count)
{
    double sum = 0;
    qsort(places, count, sizeof *places, best_first);
    for (size_t i = 0, next; i < count; i = next) {
        double gain = 0, discount = 0;
        for (next = i; next < count && places[next].by == places[i].by; next++) {
            gain += places[next].gain;
            discount += 1 / tw_log2((double)next + 2);
        }
        sum += gain * discount / (double)(next - i);
    }
    return sum;
}

double tw_ndcg(const double *scores, const double *e, size_t count)
{
    place *places = tw_alloc(count, sizeof *places);
    double least = INFINITY, most = -INFINITY;
    bool partial = false;
    for (size_t i = 0; i < count; i++) {
        partial |= isinf(scores[i]);
        least = isinf(scores[i]) ? least : fmin(least, scores[i]);
        most = fmax(most, scores[i]);
    }
    least -= partial;
    const double range = most / 2 - least / 2; /* by halves, so that nothing overflows */
    for (size_t i = 0; i < count; i++) {
        const double above = isinf(scores[i]) ? 0 : scores[i] / 2 - least / 2;
        places[i] = (place){e[i], range > 0 ? above / range : 0};
    }
    const double found = discounted(places, count);
    for (size_t i = 0; i < count; i++)
        places[i].by = places[i].gain;
    const double best = discounted(places, count);
    free(places);
    return range > 0 ? found / best : NAN;
}
