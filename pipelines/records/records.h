#ifndef PIPELINES_RECORDS_H
#define PIPELINES_RECORDS_H

#include <stdbool.h>

#include "stream/json.h"

/* What the scripts of pipelines/ need of the library's streams, so that they read and write
 * as the programs do. One command a file; each returns an exit status, its message printed. */

int number_main(int argc, char **argv);  /* number: ids for lines without one */
int check_main(int argc, char **argv);   /* check: can this output be written? */
int join_main(int argc, char **argv);    /* join: the outputs of shards as one stream */
int protect_main(int argc, char **argv); /* protect: JSON that jq does not change */
int restore_main(int argc, char **argv); /* restore: records out of jq's output */

/* jq 1.6 has every number as a double, and NaN as null. A number that it would print
 * otherwise travels as a string, between marks, each of which is U+0001 and a letter. What
 * stands in a text itself as U+0001 becomes MARK_SELF. import/lib/check.jq knows them. */
#define MARK "\\u0001"
enum {
    MARK_NUMBER = 'N', /* a number's text follows, then MARK_END */
    MARK_NOT = 'X',    /* likewise NaN or Infinity */
    MARK_END = 'E',
    MARK_SELF = 'S' /* U+0001 */
};

/* Appends text[length] with its numbers marked, where jq would change them. *strange: it has
 * a NaN or Infinity. Text that is no JSON gives text that is none. */
void mark_numbers(tw_json_buffer *to, const char *text, size_t length, bool *strange);

/* Appends text[length] without the marks. */
void unmark_numbers(tw_json_buffer *to, const char *text, size_t length);

#endif
