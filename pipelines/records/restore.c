/* records restore [options] < JQ: the records of jq's output, their numbers unmarked, as a
 * stream. A string in a record's place is "!what is wrong", which is counted and at most
 * --max-errors times skipped; "~", a group with nothing to compare; "=", a record whose texts
 * are the same, which precedes it; and "." at the very end, without which all is given up
 * with status CUT and no message: who was before has said why. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/common.h"
#include "core/error.h"
#include "core/memory.h"
#include "records.h"
#include "stream/output.h"

enum { CUT = 3 };

static tw_common common = TW_COMMON_DEFAULTS;
static const char *format = "";

static const tw_option options[] = {
    {"format", 0, TW_TEXT, &format, "FORMAT", "for the provenance", 0, 0, NULL, 0},
    TW_OPTION_MAX_ERRORS(common),
    TW_OPTION_OUTPUT(common),
    TW_OPTION_PLAIN(common),
    TW_OPTION_QUIET(common),
    TW_OPTIONS_END,
};

static const tw_usage usage = {.name = "import",
                               .purpose = "Write the records that were imported",
                               .synopsis = "[options]",
                               .example = "",
                               .options = options};

typedef struct counts {
    uint64_t records, bad, left, same;
    bool ended;
} counts;

static int write_record(tw_writer *writer, const char *line, size_t length)
{
    tw_json_buffer text = {0};
    unmark_numbers(&text, line, length);
    const int status = tw_writer_line(writer, text.bytes, text.used);
    free(text.bytes);
    return status;
}

/* The message of a bad record, JSON text of a string with a `!` in front. */
static int complain(counts *counts, const char *line, size_t length)
{
    tw_json_buffer text = {0};
    unmark_numbers(&text, line, length);
    json_t *json = json_loadb(text.bytes, text.used, JSON_DECODE_ANY, NULL);
    char *message = tw_strdup(json_is_string(json) ? json_string_value(json) + 1 : text.bytes);
    for (char *at = message; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    const bool fatal = ++counts->bad > (uint64_t)common.max_errors;
    tw_warn("%s%s", message, fatal ? "" : " (skipped)");
    free(message);
    json_decref(json);
    free(text.bytes);
    return fatal ? -1 : 0;
}

static int take(tw_writer *writer, counts *counts, const char *line, size_t length)
{
    if (*line == '{') {
        counts->records++;
        if (write_record(writer, line, length) == 0)
            return 0;
        if (!tw_writer_broken_pipe(writer))
            tw_warn("%s", tw_error());
        return -1;
    }
    if (strncmp(line, "\"!", 2) == 0)
        return complain(counts, line, length);
    counts->left += strcmp(line, "\"~\"") == 0;
    counts->same += strcmp(line, "\"=\"") == 0;
    counts->ended = counts->ended || strcmp(line, "\".\"") == 0;
    return 0;
}

static void sum_up(const counts *counts)
{
    char *left =
        counts->left == 0
            ? tw_strdup("")
            : tw_format(", %" PRIu64 " left out: fewer than two samples that were compared",
                        counts->left);
    char *same = counts->same == 0
                     ? tw_strdup("")
                     : tw_format(", %" PRIu64 " pairs of equal texts are ties", counts->same);
    tw_warn("%" PRIu64 " records, %" PRIu64 " skipped%s%s", counts->records, counts->bad, left,
            same);
    free(left);
    free(same);
}

static tw_writer *open_output(void)
{
    char *provenance = tw_format("{\"program\":\"import\",\"options\":\"%s\"}", format);
    tw_writer *writer = tw_writer_open(
        &(tw_writer_options){.path = common.output,
                             .plain = common.plain || tw_output_named_plain(common.output),
                             .provenance = provenance});
    free(provenance);
    return writer;
}

int restore_main(int argc, char **argv)
{
    tw_options_or_exit(&usage, argc, argv, NULL);
    tw_reader *reader = tw_reader_open(NULL);
    tw_writer *writer = reader ? open_output() : NULL;
    counts counts = {0};
    char *line = NULL;
    size_t length = 0;
    int status = writer ? 0 : -1;
    if (status < 0)
        tw_warn("%s", tw_error());
    while (status == 0 && tw_reader_line(reader, &line, &length) > 0)
        status = take(writer, &counts, line, length);
    const bool unread = writer && tw_writer_broken_pipe(writer);
    const bool cut = status == 0 && !counts.ended;
    if (cut)
        status = -1;
    if (status < 0 && !unread) {
        tw_writer_abort(writer);
    } else if ((status = tw_writer_close(writer)) < 0) {
        tw_warn("%s", tw_error());
    } else if (!common.quiet && !unread) {
        sum_up(&counts);
    }
    tw_reader_close(reader);
    return cut && !unread ? CUT : status < 0 ? TW_EXIT_DATA : TW_EXIT_OK;
}
