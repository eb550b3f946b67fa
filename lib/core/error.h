#ifndef TW_CORE_ERROR_H
#define TW_CORE_ERROR_H

/* Errors. A library function that fails returns -1 (or NULL) after leaving one
 * message for its thread with tw_fail; nothing in lib/ prints or exits. Only
 * the programs in src/ report the message and choose the exit status. */

/* Exit statuses of every program. */
enum {
    TW_EXIT_OK = 0,
    TW_EXIT_DATA = 1, /* bad data, or reading or writing failed */
    TW_EXIT_USAGE = 2,
    TW_EXIT_STOPPED = 75 /* training stopped and left a checkpoint: run again with --resume (what
                            sysexits.h calls EX_TEMPFAIL) */
};

/* Sets the thread's message (printf format, no trailing newline, truncated at
 * 2047 bytes). Returns -1, so that callers write `return tw_fail(...)`. */
int tw_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Puts `context: ` before the thread's message. Returns -1. */
int tw_fail_in(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The thread's last message ("" if none); valid until its next tw_fail. */
const char *tw_error(void);

/* Programs call this first: their own name, as records of provenance have it. */
void tw_set_program(const char *name);
const char *tw_program(void);

/* The name that prefixes every diagnostic: the last part of argv0 where it ends in the program's
 * own name (tw-sample, see PROGRAM_PREFIX in the Makefile), else that name. argv0 stays the
 * caller's. */
void tw_set_invoked(const char *argv0);
const char *tw_invoked(void);

/* Called before each diagnostic; progress clears its line by it. */
void tw_before_warning(void (*prepare)(void));

/* Prints `program: message` on stderr, as one write and one line: tw_printable. */
void tw_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
