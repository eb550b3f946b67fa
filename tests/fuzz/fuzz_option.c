/* Any command line: it is refused with a message, or every value is within its
 * bounds, and reading it once more changes nothing. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/common.h"
#include "core/error.h"
#include "core/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static tw_common common;
static const char *model;
static int64_t count;
static double heat, share;
static int way;
static bool greedy;

static const tw_option options[] = {
    TW_OPTIONS_GROUP("Main"),
    {"model", 'm', TW_TEXT, &model, "MODEL", "a folder", 0, 0, NULL, TW_OPTION_REQUIRED},
    {"count", 'k', TW_INT, &count, "N", "how many", 1, 100, NULL, 0},
    {"temperature", 't', TW_REAL, &heat, "T", "heat", 0, INFINITY, NULL, TW_OPTION_ABOVE_MIN},
    {"share", 0, TW_REAL, &share, "P", "share", 0, 1, NULL, TW_OPTION_BELOW_MAX},
    {"aggregate", 'a', TW_CHOICE, &way, NULL, "how", 0, 0, "average|sum|softmax", 0},
    {"greedy", 'g', TW_FLAG, &greedy, NULL, "take the best", 0, 0, NULL, 0},
    TW_OPTION_SEED(common),
    TW_OPTIONS_END};
static const tw_usage usage = {"fuzz", "Fuzzes.", "[options]", NULL, options};

static void require(int truth, const char *what)
{
    if (truth)
        return;
    tw_warn("%s", what);
    abort();
}

static void reset(void)
{
    common = (tw_common)TW_COMMON_DEFAULTS;
    model = NULL;
    count = 4;
    heat = 1;
    share = 0.5;
    way = 0;
    greedy = false;
}

enum { WORDS = 64 };

/* Words between line feeds. Those that print (-h, -V, --man-options) are for the
 * unit tests: here they become others. */
static int split(char *text, char **words)
{
    static const char *const printing[] = {"--help", "--version", "--man-options"};
    int words_count = 0;
    words[words_count++] = "fuzz";
    for (char *word = text; word && words_count < WORDS - 1;) {
        char *end = strchr(word, '\n');
        if (end)
            *end++ = 0;
        for (int i = 0; i < 3; i++)
            if (strcmp(word, printing[i]) == 0)
                word[2] = 'x';
        for (char *c = word; word[0] == '-' && word[1] != '-' && *c; c++)
            if (*c == 'h' || *c == 'V')
                *c = 'g';
        words[words_count++] = word;
        word = end;
    }
    words[words_count] = NULL;
    return words_count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *words[WORDS];
    require(text != NULL, "memory");
    memcpy(text, data, size);
    text[size] = 0;
    int words_count = split(text, words), first = 0, again = 0;
    reset();
    tw_parsed parsed = tw_parse_options(&usage, words_count, words, &first);
    if (parsed == TW_PARSED_BAD) {
        require(strstr(tw_error(), "(try 'fuzz --help')") != NULL, "hint");
        require(!model && count == 4 && heat == 1 && !greedy, "nothing stored");
    } else {
        require(parsed == TW_PARSED_RUN && model, "run");
        require(count >= 1 && count <= 100 && heat > 0 && isfinite(heat), "bounds");
        require(share >= 0 && share < 1 && way >= 0 && way < 3, "bounds");
        require(first >= 1 && first <= words_count, "operands");
        char *before = tw_canonical_options(&usage);
        reset();
        parsed = tw_parse_options(&usage, words_count, words, &again);
        require(parsed == TW_PARSED_RUN && again == first, "the same operands again");
        char *after = tw_canonical_options(&usage);
        require(strcmp(before, after) == 0, "the same options again");
        free(before);
        free(after);
    }
    free(text);
    return 0;
}
