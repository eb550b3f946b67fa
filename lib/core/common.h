#ifndef TW_CORE_COMMON_H
#define TW_CORE_COMMON_H

#include <stdbool.h>
#include <stdint.h>

#include "core/option.h"

/* Options that several programs share, declared once with their help. A program
 * keeps one `static tw_common common = TW_COMMON_DEFAULTS;` and names in its
 * table those it has: `TW_OPTION_OUTPUT(common), TW_OPTION_SEED(common), ...`. */

typedef struct tw_common {
    const char *output; /* NULL: standard output */
    const char *log;    /* NULL: none */
    int64_t seed;
    int64_t threads; /* 0: all available cores */
    int64_t max_errors;
    bool quiet, plain, no_provenance;
} tw_common;

#define TW_COMMON_DEFAULTS                                                                         \
    {                                                                                              \
        NULL, NULL, 0, 0, 0, false, false, false                                                   \
    }

/* The largest seed is the largest integer that JSON's readers agree on. */
#define TW_SEED_MAX 9007199254740991.0

#define TW_OPTION_OUTPUT(common)                                                                   \
    {                                                                                              \
        "output", 'o', TW_TEXT, &(common).output, "FILE",                                          \
            "write to FILE instead of standard output", 0, 0, NULL, TW_OPTION_RUNTIME              \
    }
#define TW_OPTION_PLAIN(common)                                                                    \
    {                                                                                              \
        "plain", 0, TW_FLAG, &(common).plain, NULL,                                                \
            "write plain text, not zstd (implied on a terminal and by a name *.jsonl)", 0, 0,      \
            NULL, TW_OPTION_RUNTIME                                                                \
    }
#define TW_OPTION_NO_PROVENANCE(common)                                                            \
    {                                                                                              \
        "no-provenance", 0, TW_FLAG, &(common).no_provenance, NULL,                                \
            "do not record at the head of the output how it was made", 0, 0, NULL,                 \
            TW_OPTION_RUNTIME                                                                      \
    }
#define TW_OPTION_MAX_ERRORS(common)                                                               \
    {                                                                                              \
        "max-errors", 0, TW_INT, &(common).max_errors, "N",                                        \
            "skip up to N bad records, with a warning each, before failing", 0, 1e15, NULL,        \
            TW_OPTION_RUNTIME                                                                      \
    }
#define TW_OPTION_SEED(common)                                                                     \
    {                                                                                              \
        "seed", 's', TW_INT, &(common).seed, "N", "key of all random numbers", 0, TW_SEED_MAX,     \
            NULL, 0                                                                                \
    }
#define TW_OPTION_THREADS(common)                                                                  \
    {                                                                                              \
        "threads", 'j', TW_INT, &(common).threads, "N", "threads to use, 0 for all cores", 0,      \
            4096, NULL, TW_OPTION_RUNTIME                                                          \
    }
#define TW_OPTION_LOG(common)                                                                      \
    {                                                                                              \
        "log", 0, TW_TEXT, &(common).log, "FILE", "write one JSON object a step to FILE", 0, 0,    \
            NULL, TW_OPTION_RUNTIME                                                                \
    }
#define TW_OPTION_QUIET(common)                                                                    \
    {                                                                                              \
        "quiet", 'q', TW_FLAG, &(common).quiet, NULL, "no progress and no summary on stderr", 0,   \
            0, NULL, TW_OPTION_RUNTIME                                                             \
    }

/* Closes a table. */
#define TW_OPTIONS_END                                                                             \
    {                                                                                              \
        NULL, 0, TW_HEADING, NULL, NULL, NULL, 0, 0, NULL, 0                                       \
    }
#define TW_OPTIONS_GROUP(title)                                                                    \
    {                                                                                              \
        NULL, 0, TW_HEADING, NULL, NULL, title, 0, 0, NULL, 0                                      \
    }

/* Applies `threads` to OpenMP (and with it to OpenBLAS), has large memory given back to the
 * system when it is freed, and failed writes reported, not fatal (tw_write_errors). Call after
 * parsing. */
void tw_common_apply(const tw_common *common);

#endif
