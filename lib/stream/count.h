#ifndef TW_STREAM_COUNT_H
#define TW_STREAM_COUNT_H

#include <stdint.h>

/* Lines of files, plain or zstd, for a progress to say how many there are to be. 0 when that is not
 * known beforehand or takes too long: of standard input and of pipes, of more than 256 MB, and
 * where reading fails, which is for those to report who read for the records. */
uint64_t tw_count_lines(char *const *files, int count);

#endif
