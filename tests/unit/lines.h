#ifndef TW_TESTS_LINES_H
#define TW_TESTS_LINES_H

#include <stdbool.h>

/* Made-up streams of lines of very different lengths, some empty, and what is
 * expected of reading them. Failures end the test. */

/* The provenance of what make_file compresses; its frame takes 26 bytes. */
extern const char lines_provenance[];

/* Line `i`; the caller frees. */
char *made_line(int i);

/* A plain or compressed file of the lines from..to; with `flushing`, tw_writer_flush
 * is called now and then. */
void make_file(const char *path, int from, int to, bool plain, bool flushing);

/* Reads the lines from..to and the end of the stream. */
void expect_lines(const char *path, int from, int to);

void append_file(const char *to, const char *from);

#endif
