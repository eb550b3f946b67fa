#include "guidance/bound.h"

#include <math.h>

#include "core/math.h"

static const double MIN = 1e-8, MAX = 1;

static double softplus(double x)
{
    return x > 0 ? x + tw_log1p(tw_exp(-x)) : tw_log1p(tw_exp(x));
}

static double sigmoid(double x)
{
    /* exp of a negative number only: nothing overflows. */
    double small = tw_exp(-fabs(x));
    return (x < 0 ? small : 1) / (1 + small);
}

double tw_bound(tw_bound_kind kind, double z)
{
    if (isnan(z))
        return 0;
    if (kind == TW_BOUND_SIGMOID)
        return sigmoid(z);
    double y = MAX - softplus(MAX - z);
    return MIN + softplus(y - MIN);
}

double tw_bound_slope(tw_bound_kind kind, double z)
{
    if (isnan(z))
        return 0;
    if (kind == TW_BOUND_SIGMOID)
        return sigmoid(z) * sigmoid(-z);
    double y = MAX - softplus(MAX - z);
    return sigmoid(y - MIN) * sigmoid(MAX - z);
}
