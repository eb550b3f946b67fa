#ifndef TW_CORE_PROGRESS_H
#define TW_CORE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* Progress on stderr: on a terminal one line redrawn at most 10 times a second
 * with bar, rate and ETA; elsewhere a plain line at most every 10 seconds and
 * one at the end; nothing when quiet. */
typedef struct tw_progress tw_progress;

/* total 0: unknown (count and rate only). unit: "records", "steps". */
tw_progress *tw_progress_new(const char *unit, uint64_t total, bool quiet);

/* done units so far; note is a short text such as "loss 2.31", or NULL. */
void tw_progress_update(tw_progress *progress, uint64_t done, const char *note);

/* So far `done` of another unit too ("tokens"), whose rate is shown beside the first's. */
void tw_progress_beside(tw_progress *progress, const char *unit, uint64_t done);

/* Erases the line on a terminal, so that another can be printed in its place; the next
 * update draws it again. Accepts NULL. */
void tw_progress_clear(tw_progress *progress);

/* Prints the closing line (`done N units in T, R units/s`, and the rate beside) and frees; accepts
 * NULL. */
void tw_progress_end(tw_progress *progress);

/* Erases the line on a terminal and frees, without a closing line: what was begun failed,
 * and the message is another. Accepts NULL. */
void tw_progress_abandon(tw_progress *progress);

/* Asked to stop: after tw_catch_signals, SIGINT, SIGTERM, SIGHUP and SIGUSR1 set a flag that
 * tw_interrupted reports. A SIGINT after that ends the program at once; others do not, as a
 * terminal that goes and a batch system send them more than once. */
void tw_catch_signals(void);
bool tw_interrupted(void);

#endif
