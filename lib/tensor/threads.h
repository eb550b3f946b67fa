#ifndef TW_TENSOR_THREADS_H
#define TW_TENSOR_THREADS_H

#include <stdbool.h>
#include <stddef.h>

/* Whether a loop over that many numbers is worth waking threads that sleep, which takes some
 * microseconds. For `#pragma omp parallel for if (...)`. */
static inline bool tw_worth_threads(size_t numbers)
{
    return numbers >= (size_t)1 << 15;
}

#endif
