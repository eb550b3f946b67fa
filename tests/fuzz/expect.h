#ifndef TW_TESTS_FUZZ_EXPECT_H
#define TW_TESTS_FUZZ_EXPECT_H

#include <stdio.h>
#include <stdlib.h>

#include "core/error.h"

/* Says what did not hold, with the last message of the library, and ends the run as a finding. */
static inline void expect(int condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "%s (%s)\n", what, tw_error());
    abort();
}

#endif
