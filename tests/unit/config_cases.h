#ifndef TW_TESTS_CONFIG_CASES_H
#define TW_TESTS_CONFIG_CASES_H

#include <stddef.h>

#include "model/model.h"

/* A config.json as text, without a folder around it. Failures end the test. */

/* What the architecture of a model_type makes of it; -1 with a message where that refuses. */
int configure(const char *type, const char *text, tw_config *config);

/* Text that must be refused, and how the message begins. */
typedef struct config_case {
    const char *text, *message;
} config_case;

void check_refused(const char *type, const config_case *cases, size_t count);
#define CHECK_REFUSED(type, cases) check_refused(type, cases, sizeof(cases) / sizeof *(cases))

#endif
