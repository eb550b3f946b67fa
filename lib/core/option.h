#ifndef TW_CORE_OPTION_H
#define TW_CORE_OPTION_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Command lines. One table of options makes the parser, --help, the OPTIONS
 * section of the man page and the canonical argument list of the provenance.
 *
 * The values INT64_MIN, NAN, NULL and -1 (choices) mean "not given": such an
 * option is shown without default and left out of the canonical list. A bound on
 * one side only has INFINITY on the other. */

typedef enum tw_option_type {
    TW_FLAG,   /* bool *: present or not */
    TW_INT,    /* int64_t *: within [min, max] */
    TW_REAL,   /* double *: within [min, max], finite */
    TW_TEXT,   /* const char **: any text */
    TW_CHOICE, /* int *: index in choices, "a|b|c" */
    TW_HEADING /* no option: `help` starts a group in --help */
} tw_option_type;

enum {
    TW_OPTION_REQUIRED = 1,
    /* Does not change the result's bytes (threads, quiet, output path ...):
     * left out of the provenance. */
    TW_OPTION_RUNTIME = 2,
    /* min or max itself is excluded. */
    TW_OPTION_ABOVE_MIN = 4,
    TW_OPTION_BELOW_MAX = 8
};

typedef struct tw_option {
    const char *name; /* long name without dashes */
    char letter;      /* 0 for none */
    tw_option_type type;
    void *value;         /* also holds the default, which --help shows */
    const char *metavar; /* "N", "FILE"; NULL for flags and choices */
    const char *help;    /* one sentence, no full stop */
    double min, max;     /* TW_INT, TW_REAL; both 0 means unbounded */
    const char *choices; /* TW_CHOICE */
    unsigned flags;
} tw_option;

typedef struct tw_usage {
    const char *name;         /* program */
    const char *purpose;      /* one line */
    const char *synopsis;     /* after the name: "-m MODEL [options] [FILE...]" */
    const char *example;      /* one or more lines, each a command to try */
    const tw_option *options; /* ended by an entry whose name and help are NULL */
} tw_usage;

typedef enum tw_parsed {
    TW_PARSED_RUN,  /* go on; files are in argv[*first .. argc) */
    TW_PARSED_DONE, /* --help, --version or --man-options was printed: exit 0 */
    TW_PARSED_BAD   /* tw_error() has the message: exit 2 */
} tw_parsed;

/* Parses argv GNU style: options and operands in any order, `--name VALUE`,
 * `--name=VALUE`, `-n VALUE`, `-nVALUE`, bundled flags, `--`, unambiguous
 * prefixes of long names refused with a suggestion. -h/--help, -V/--version
 * and the hidden --man-options (roff) are built in. argv is permuted so that
 * operands come last, from *first on. An integer or real with junk after it,
 * out of range or overflowing is refused with the option's name, the text and
 * the range. A repeated option: the last one holds. Sets tw_set_program. */
tw_parsed tw_parse_options(const tw_usage *usage, int argc, char **argv, int *first);

/* The same for main(): the index of the first operand. Ends the process where there is nothing
 * to run: with status 0 after --help and the like, with 2 and the message on stderr when the
 * command line is bad or `check` (NULL: nothing) fails it. */
int tw_options_or_exit(const tw_usage *usage, int argc, char **argv, int (*check)(void));

void tw_print_help(const tw_usage *usage, FILE *to);

/* The options that shape the result, as they stand after parsing and in table
 * order: `--temperature=1 --top-k=50 ...` (shell-quoted; options still at their
 * default value included). The caller frees. */
char *tw_canonical_options(const tw_usage *usage);

#endif
