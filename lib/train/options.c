#include "train/options.h"

#include <math.h>

uint64_t tw_train_steps(const tw_train_options *options, uint64_t items)
{
    if (options->steps > 0)
        return (uint64_t)options->steps;
    double update = (double)options->batch_size * (double)options->accumulate;
    /* 0.1 epoch of 1,000 records is 100 records, whatever 0.1 is in binary. */
    double steps = ceil(options->epochs * (double)items / update * (1 - 1e-12));
    return steps < 1 ? 1 : (uint64_t)fmin(steps, 1e15);
}
